// A module that has a parameter and uses what the kernel exports.
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

static int rounds = 3;
module_param(rounds, int, 0444);
MODULE_PARM_DESC(rounds, "how often it is printed");

static char *text;

static int __init tried_init(void)
{
	int round;

	text = kasprintf(GFP_KERNEL, "tried at %lu", jiffies);
	if (!text)
		return -ENOMEM;
	for (round = 0; round < rounds; round++)
		pr_info("%s\n", text);
	return 0;
}

static void __exit tried_exit(void)
{
	kfree(text);
}

module_init(tried_init);
module_exit(tried_exit);
MODULE_DESCRIPTION("tries what modules are compiled against");
MODULE_LICENSE("GPL");
