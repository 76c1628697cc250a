use protocol::{Module, VERSION};

use super::*;

fn instructions(drivers: &[&str]) -> Instructions {
    Instructions {
        version: VERSION,
        drivers: drivers.iter().map(|path| (*path).to_owned()).collect(),
        modules: vec![Module {
            name: "veth".to_owned(),
            files: vec![module_path("veth")],
        }],
        given: vec![],
        trials: vec![],
        choices: vec![],
        payload: 1 << 20,
        rate: 1 << 20,
        sabotage: None,
    }
}

fn modules() -> BTreeMap<String, Vec<u8>> {
    [("veth", b"first".to_vec()), ("virtio", b"second".to_vec())]
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .into()
}

fn paths(archive: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(archive);
    // Each header is the magic and 13 numbers of 8 digits.
    text.split("070701")
        .skip(1)
        .map(|entry| entry[104..].split('\0').next().unwrap().to_owned())
        .collect()
}

#[test]
fn everything_the_guest_expects_is_there() {
    let archive = initramfs(b"guest", &instructions(&["/modules/virtio.ko"]), &modules()).unwrap();
    assert_eq!(
        paths(&archive),
        [
            "dev",
            "dev/console",
            "dev/null",
            "init",
            "instructions.json",
            "modules",
            "modules/veth.ko",
            "modules/virtio.ko",
            "proc",
            "sys",
            "tmp",
            "TRAILER!!!"
        ]
    );
    let text = serde_json::to_string(&instructions(&["/modules/virtio.ko"])).unwrap();
    assert!(String::from_utf8(archive).unwrap().contains(&text));
}

#[test]
fn equal_input_gives_equal_bytes() {
    let archive = || initramfs(b"guest", &instructions(&[]), &modules()).unwrap();
    assert_eq!(archive(), archive());
    assert_ne!(
        archive(),
        initramfs(b"guest", &instructions(&[]), &{
            let mut modules = modules();
            modules.insert("dummy".to_owned(), vec![]);
            modules
        })
        .unwrap()
    );
}

#[test]
fn instructions_name_only_what_is_there() {
    for path in ["/modules/x.ko", "modules/veth.ko", "/init", "/modules/veth"] {
        let error = initramfs(b"guest", &instructions(&[path]), &modules()).unwrap_err();
        assert!(matches!(&error, InitramfsError::NoModule(found) if found == path));
        assert_eq!(error.category(), Category::Bug);
    }
    let mut unknown = instructions(&[]);
    unknown.given = vec![Module {
        name: "toy".to_owned(),
        files: vec![module_path("toy")],
    }];
    let error = initramfs(b"guest", &unknown, &modules()).unwrap_err();
    assert!(matches!(&error, InitramfsError::NoModule(found) if *found == module_path("toy")));
    let hostile = [("../x".to_owned(), vec![]), ("veth".to_owned(), vec![])].into();
    assert!(matches!(
        initramfs(b"guest", &instructions(&[]), &hostile),
        Err(InitramfsError::Archive(_))
    ));
}
