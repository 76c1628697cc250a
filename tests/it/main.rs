//! Black-box tests of the real binary, without engine or network.

mod support;

#[test]
fn probe() {
    let scratch = support::Scratch::small();
    println!("{}", scratch.stable(&scratch.xtask(&["check"]).text()));
    let archive = support::Archive::serve(&scratch, &[support::Release::new("stable", &[support::Package::new("linux-source-6.12", "6.12.2-1")]), support::Release::new("stable-updates", &[])]);
    println!("{}", scratch.stable(&scratch.xtask(&["--mirror", &archive.mirror(), "lock", "tiny"]).text()));
    println!("{}", scratch.read("recipes/tiny.lock"));
}
