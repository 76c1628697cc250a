use std::fs;

use formats::testing::kernel::{TestPackage, module, module_for, module_with};
use host::cancel::Cancel;
use tempfile::TempDir;

use super::*;
use crate::package::PackageFile;

const RELEASE: &str = "6.12.1-test";

/// A folder with files of modules.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, file: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(file)
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Utf8PathBuf {
        fs::write(self.path(file), bytes).unwrap();
        self.path(file)
    }

    /// A module for the kernel, `name.ko`.
    fn module(&self, name: &str, depends: &str) -> Utf8PathBuf {
        let bytes = module_for(RELEASE, name, depends);
        self.write(&format!("{name}.ko"), &bytes)
    }
}

/// A kernel with `loop` built in and modules `veth`, and `tun` that depends on `veth`.
fn file() -> PackageFile {
    let at = |file: &str| format!("./lib/modules/{RELEASE}/{file}");
    let bytes = TestPackage::with_kernel(RELEASE, "")
        .file(&at("modules.builtin"), b"kernel/drivers/block/loop.ko\n")
        .file(&at("kernel/veth.ko"), &module("veth", ""))
        .file(&at("kernel/tun.ko"), &module("tun", "veth"))
        .build();
    PackageFile::new("test.deb", Cancel::new(), move || {
        Ok(io::Cursor::new(bytes.clone()))
    })
}

/// How files are loaded beside what the boot `needs` out of the package.
fn loads(paths: &[Utf8PathBuf], needs: &[&str]) -> Result<Vec<Module>, GivenError> {
    let file = file();
    let package = KernelPackage::read(&file).unwrap();
    let given = AllGiven::read(paths, &package)?;
    let wanted: Vec<_> = needs.iter().copied().chain(given.depends()).collect();
    let mut modules = package.modules(&file, &wanted).unwrap();
    let loads = given.add_to(&mut modules)?;
    for path in loads.iter().flat_map(|module| &module.files) {
        let name = Utf8Path::new(path).file_stem().unwrap();
        assert!(modules.files.contains_key(name), "{path}");
    }
    Ok(loads)
}

/// What is said of the last of these files, which is none.
#[track_caller]
fn refused(paths: &[Utf8PathBuf]) -> String {
    let error = loads(paths, &[]).unwrap_err().to_string();
    let start = format!("module {}: ", paths.last().unwrap());
    assert!(!error.contains(char::is_control), "{error:?}");
    error.strip_prefix(&start).expect(&error).to_owned()
}

#[test]
fn a_module_is_loaded_after_what_it_depends_on() {
    let folder = Folder::new();
    // Those that depend on nothing that was given stay where they are.
    let paths = [
        folder.module("first", ""),
        folder.module("toy", "toy-core,tun,loop"),
        folder.module("toy_core", ""),
    ];
    let load = |name: &str, files: &[&str]| Module {
        name: name.to_owned(),
        files: files.iter().map(|name| module_path(name)).collect(),
    };
    assert_eq!(
        loads(&paths, &[]).unwrap(),
        [
            load("first", &["first"]),
            load("toy_core", &["toy_core"]),
            load("toy", &["veth", "tun", "toy"]),
        ]
    );
    assert_eq!(loads(&[], &["veth"]).unwrap(), []);
}

#[test]
fn a_module_of_an_old_kernel_is_named_after_its_file() {
    let folder = Folder::new();
    let old = format!("depends=\0vermagic={RELEASE} SMP \0");
    let old = module_with(62, &[(".modinfo", old.as_bytes())]);
    let loads = loads(&[folder.write("old-toy.ko", &old)], &[]).unwrap();
    assert_eq!(loads[0].name, "old_toy");
    let error = refused(&[folder.write("old toy.ko", &old)]);
    assert!(
        error.starts_with("found no name in it, and that of its file is none: \"old toy\""),
        "{error}"
    );
}

#[test]
fn what_is_no_module_for_the_kernel_is_refused() {
    let folder = Folder::new();
    let other = |release| folder.write("toy.ko", &module_for(release, "toy", ""));
    assert!(refused(&[folder.path("nowhere.ko")]).starts_with("reading it failed: No such file"));
    assert_eq!(
        refused(&[folder.path("")]),
        "found something else, expected a regular file"
    );
    assert_eq!(
        refused(&[folder.write("toy.ko", b"\x1b[2J is no module")]),
        "found a file that begins with \"\\u{1b}[2J is \", expected an ELF file"
    );
    assert_eq!(
        refused(&[folder.write("toy.ko", &module_with(183, &[(".modinfo", b"depends=\0")]))]),
        "found a module for ELF machine 183, expected 62, which is x86-64"
    );
    assert_eq!(
        refused(&[other("6.12.1")]),
        "found it compiled for \"6.12.1\", expected \"6.12.1-test\", the release in the package"
    );
    assert_eq!(
        refused(&[other("")]),
        "found it compiled for \"SMP\", expected \"6.12.1-test\", the release in the package"
    );
    let hostile = refused(&[other(&"\u{1b}".repeat(500))]);
    assert!(hostile.chars().count() < 200, "{hostile}");
    let silent = module_with(62, &[(".modinfo", b"depends=\0name=toy\0")]);
    assert!(
        refused(&[folder.write("toy.ko", &silent)])
            .starts_with("found it compiled for no release that it tells, expected"),
    );
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let folder = Folder::new();
    let toy = folder.module("toy", "");
    let copy = folder.write("copy.ko", &fs::read(&toy).unwrap());
    assert_eq!(
        refused(&[toy.clone(), copy]),
        format!("found module `toy` again, expected it once: {toy} is the first")
    );
    assert_eq!(
        refused(&[folder.module("loop", "")]),
        "found module `loop`, which is built in; expected one that can be loaded"
    );
    // The package's own is another matter where the boot does not load it.
    let veth = [folder.module("veth", "")];
    assert_eq!(loads(&veth, &[]).unwrap().len(), 1);
    let error = loads(&veth, &["tun"]).unwrap_err();
    assert!(matches!(*error.problem, Problem::InPackage(name) if name == "veth"));
}

#[test]
fn dependencies_that_cannot_be_loaded_are_refused() {
    let folder = Folder::new();
    assert_eq!(
        refused(&[folder.module("toy", "veth,nowhere")]),
        "found a dependency on `nowhere`, which is neither in the package nor built in nor given; \
         expected one of them"
    );
    let circle =
        "found it to depend on itself, or on a module that depends on it; expected no circle";
    assert_eq!(refused(&[folder.module("toy", "toy")]), circle);
    let free = folder.module("free", "");
    let (a, b) = (folder.module("a", "b"), folder.module("b", "a,free"));
    let error = loads(&[a, b, free], &[]).unwrap_err();
    assert!(matches!(*error.problem, Problem::Circle), "{error}");
}

#[test]
fn files_have_bounds() {
    let folder = Folder::new();
    let large = |file: &str, size: u64| {
        let name = file.trim_end_matches(".ko");
        let path = folder.write(file, &module_for(RELEASE, name, ""));
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(size).unwrap();
        path
    };
    let most = large("most.ko", MAX_MODULE);
    assert_eq!(loads(std::slice::from_ref(&most), &[]).unwrap().len(), 1);
    assert_eq!(
        refused(&[large("more.ko", MAX_MODULE + 1)]),
        "found it to be too large, expected 33554432 bytes at most"
    );
    assert_eq!(
        refused(&[most, folder.module("toy", "")]),
        "found it and those before it to be too large, expected 33554432 bytes at most"
    );
}
