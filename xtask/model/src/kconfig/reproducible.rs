//! What keeps two builds of one plan from having equal bytes, as far as a finished configuration tells.
//!
//! The rules follow the kernel's own `Documentation/kbuild/reproducible-builds.rst` and what its build files do.
//! Some symbols that are often named beside them have no rule: `IKHEADERS` packs its files sorted and with
//! `KBUILD_BUILD_TIMESTAMP` (since Linux 5.4), `IKCONFIG` and `MODULE_COMPRESS` pack without times.

use std::fmt;

use crate::kconfig::{DotConfig, Value};
use crate::names::Symbol;

/// When a rule holds.
#[derive(Debug, Clone, Copy)]
enum When {
    /// The symbol is on.
    On,
    /// The symbol names something.
    NotEmpty,
}

#[derive(Debug)]
struct Rule {
    /// Names for one thing: the first that the configuration has is told.
    symbols: &'static [&'static str],
    when: When,
    cause: &'static str,
    remedy: &'static str,
}

const fn on(symbols: &'static [&'static str], cause: &'static str, remedy: &'static str) -> Rule {
    Rule {
        symbols,
        when: When::On,
        cause,
        remedy,
    }
}

/// A file whose content goes into the kernel.
const fn file(symbols: &'static [&'static str], cause: &'static str) -> Rule {
    Rule {
        symbols,
        when: When::NotEmpty,
        cause,
        remedy: "set it to \"\", or add the file to the source by a patch and accept the symbol",
    }
}

const RULES: &[Rule] = &[
    // "Module signing" in reproducible-builds.rst; certs/Makefile.
    Rule {
        symbols: &["MODULE_SIG_KEY"],
        when: When::NotEmpty,
        cause: "the key certs/signing_key.pem is made anew by every build, any other comes from outside, and its certificate goes into the kernel",
        remedy: "set it to \"\"",
    },
    on(
        &["MODULE_SIG_ALL"],
        "modules are signed while they are installed, with a key that no plan holds",
        "set it to n, and sign the finished modules",
    ),
    // "Structure randomisation" in reproducible-builds.rst; scripts/gen-randstruct-seed.sh, and before Linux 5.19
    // scripts/gcc-plugins/gen-random-seed.sh.
    on(
        &[
            "RANDSTRUCT_FULL",
            "RANDSTRUCT_PERFORMANCE",
            "GCC_PLUGIN_RANDSTRUCT",
        ],
        "the order of members in structures follows a random number that every build draws",
        "choose RANDSTRUCT_NONE; before Linux 5.19, set GCC_PLUGIN_RANDSTRUCT to n",
    ),
    // scripts/gcc-plugins/latent_entropy_plugin.c: without -frandom-seed it reads /dev/urandom.
    on(
        &["GCC_PLUGIN_LATENT_ENTROPY"],
        "the compiler puts random numbers into the code",
        "set it to n",
    ),
    // "Structure randomisation" above, and scripts/gcc-plugins/Makefile.
    on(
        &["GCC_PLUGINS"],
        "plugins that are compiled beside the kernel rewrite its code; some draw random numbers",
        "set it to n",
    ),
    // scripts/Makefile.btf, before Linux 6.10 scripts/pahole-flags.sh: `-j` from pahole 1.22 on. Debian's 6.12 asks
    // for `--btf_features=+reproducible_build`, which pahole knows since 1.27; upstream does not.
    on(
        &["DEBUG_INFO_BTF"],
        "pahole writes types in the order in which its threads find them",
        "set it to n",
    ),
    // "Absolute filenames" in reproducible-builds.rst.
    on(
        &["DEBUG_INFO"],
        "debug information has the absolute paths of the folders that were compiled in",
        "choose DEBUG_INFO_NONE; before Linux 5.18, set DEBUG_INFO to n",
    ),
    // gcc/coverage.cc: `bbg_file_stamp = local_tick`; Documentation/dev-tools/gcov.rst: objects name their folder.
    on(
        &["GCOV_KERNEL"],
        "the compiler puts the time and the absolute path of each object into it",
        "set it to n",
    ),
    // scripts/setlocalversion.
    on(
        &["LOCALVERSION_AUTO"],
        "the release follows what git tells of the folder that is compiled in",
        "set it to n",
    ),
    // cmd_lzo in scripts/Makefile.lib reads a pipe, whose time `lzop` writes into its header.
    on(
        &["KERNEL_LZO"],
        "lzop writes the time at which it packs into the kernel image",
        "choose another compression, such as KERNEL_GZIP or KERNEL_ZSTD",
    ),
    // "Timestamps" in reproducible-builds.rst; usr/Makefile.
    file(
        &["INITRAMFS_SOURCE"],
        "files from outside go into the kernel, with their times and owners",
    ),
    // drivers/base/firmware_loader/builtin/Makefile.
    file(
        &["EXTRA_FIRMWARE"],
        "firmware from outside goes into the kernel",
    ),
    // certs/Makefile.
    file(
        &["SYSTEM_TRUSTED_KEYS"],
        "certificates from outside go into the kernel",
    ),
    file(
        &["SYSTEM_REVOCATION_KEYS"],
        "certificates from outside go into the kernel",
    ),
    file(
        &["SYSTEM_BLACKLIST_HASH_LIST"],
        "a list of hashes from outside goes into the kernel",
    ),
    // net/wireless/Makefile: a folder without certificates is no error.
    file(
        &["CFG80211_EXTRA_REGDB_KEYDIR"],
        "certificates from outside go into the kernel, or none where the folder has none",
    ),
    // kernel/module/Kconfig.
    file(
        &["UNUSED_KSYMS_WHITELIST"],
        "a file from outside decides which symbols the kernel exports",
    ),
    // lib/Makefile.
    file(
        &["BOOT_CONFIG_EMBED_FILE"],
        "a boot configuration from outside goes into the kernel",
    ),
    // drivers/acpi/Kconfig.
    file(
        &["ACPI_CUSTOM_DSDT_FILE"],
        "a table from outside goes into the kernel",
    ),
    // arch/x86/boot/compressed/sbat.S.
    file(
        &["EFI_SBAT_FILE"],
        "SBAT data from outside goes into the kernel image",
    ),
    // security/ipe/Makefile.
    file(
        &["IPE_BOOT_POLICY"],
        "a policy from outside goes into the kernel",
    ),
];

/// A symbol by which two builds of one plan can differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The symbol.
    pub symbol: Symbol,
    /// Its value.
    pub value: Value,
    /// Why builds differ by it.
    pub cause: &'static str,
    /// What ends that.
    pub remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            symbol,
            value,
            cause,
            remedy,
        } = self;
        write!(formatter, "{symbol}={value}: {cause}; {remedy}")
    }
}

impl When {
    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Self::On, Value::Yes | Value::Module) => true,
            (Self::NotEmpty, Value::Text(text)) => !text.trim_matches(['"', ' ']).is_empty(),
            _ => false,
        }
    }
}

impl Rule {
    fn finding(&self, config: &DotConfig) -> Option<Finding> {
        let named = |symbol: &&str| (symbol.parse::<Symbol>().ok(), config.named(symbol));
        let mut symbols = self.symbols.iter().map(named);
        let (symbol, value) = symbols.find(|(_, value)| self.when.holds(value))?;
        Some(Finding {
            symbol: symbol?,
            value: value.clone(),
            cause: self.cause,
            remedy: self.remedy,
        })
    }
}

/// Everything in `config` by which two builds of one plan can differ.
pub fn unreproducible(config: &DotConfig) -> Vec<Finding> {
    RULES
        .iter()
        .filter_map(|rule| rule.finding(config))
        .collect()
}

/// Every symbol that a rule names.
pub fn symbols() -> impl Iterator<Item = &'static str> {
    RULES.iter().flat_map(|rule| rule.symbols).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let config = DotConfig::parse(text).unwrap();
        let findings = unreproducible(&config).into_iter();
        findings.map(|finding| finding.symbol.to_string()).collect()
    }

    #[test]
    fn every_rule_finds_each_of_its_symbols() {
        for rule in RULES {
            for symbol in rule.symbols {
                let value = match rule.when {
                    When::On => "y",
                    When::NotEmpty => "\"some/file\"",
                };
                assert_eq!(found(&format!("CONFIG_{symbol}={value}\n")), [*symbol]);
            }
        }
    }

    #[test]
    fn what_is_off_or_empty_is_no_finding() {
        let off = |symbol: &str| format!("# CONFIG_{symbol} is not set\n");
        assert_eq!(found(&symbols().map(off).collect::<String>()), [""; 0]);
        let files = RULES
            .iter()
            .filter(|rule| matches!(rule.when, When::NotEmpty));
        for symbol in files.flat_map(|rule| rule.symbols) {
            for empty in ["\"\"", "\" \""] {
                assert_eq!(found(&format!("CONFIG_{symbol}={empty}\n")), [""; 0]);
            }
        }
        assert_eq!(found(""), [""; 0]);
    }

    #[test]
    fn what_only_sounds_like_it_is_no_finding() {
        let text = "CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_HASH=\"sha256\"\nCONFIG_RANDSTRUCT_NONE=y\n\
                    CONFIG_DEBUG_INFO_NONE=y\n\
                    CONFIG_IKCONFIG=m\nCONFIG_IKHEADERS=m\nCONFIG_RANDOMIZE_BASE=y\nCONFIG_BUILD_SALT=\"6.12\"\n\
                    CONFIG_RD_LZO=y\nCONFIG_KERNEL_ZSTD=y\nCONFIG_EXTRA_FIRMWARE_DIR=\"/lib/firmware\"\n\
                    CONFIG_LOCALVERSION=\"-mptcp\"\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn all_are_found_at_once_and_a_thing_of_several_names_once() {
        let text = "CONFIG_RANDSTRUCT_FULL=y\nCONFIG_GCC_PLUGIN_RANDSTRUCT=y\nCONFIG_DEBUG_INFO=y\n\
                    CONFIG_DEBUG_INFO_BTF=y\nCONFIG_MODULE_SIG_ALL=y\nCONFIG_MODULE_SIG_KEY=\"certs/signing_key.pem\"\n";
        let expected = [
            "MODULE_SIG_KEY",
            "MODULE_SIG_ALL",
            "RANDSTRUCT_FULL",
            "DEBUG_INFO_BTF",
            "DEBUG_INFO",
        ];
        assert_eq!(found(text), expected);
    }

    #[test]
    fn a_finding_tells_value_cause_and_remedy() {
        let config = DotConfig::parse("CONFIG_GCC_PLUGIN_LATENT_ENTROPY=y\n").unwrap();
        let text = unreproducible(&config)[0].to_string();
        let expected = "GCC_PLUGIN_LATENT_ENTROPY=y: the compiler puts random numbers into the code; set it to n";
        assert_eq!(text, expected);
    }

    #[test]
    fn every_symbol_is_named_by_one_rule() {
        let mut named: Vec<_> = symbols().collect();
        named.sort_unstable();
        let all = named.len();
        named.dedup();
        assert_eq!(named.len(), all);
        for symbol in named {
            assert!(symbol.parse::<Symbol>().is_ok(), "{symbol}");
        }
    }
}
