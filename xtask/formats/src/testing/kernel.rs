//! Kernel packages for tests: a `.deb` or `.rpm` of any entries, and the least that passes for a kernel or a
//! module.

use std::io::Write;

use tar::EntryType;

use crate::compression::Compression;

/// A package in the making.
#[derive(Debug, Clone)]
pub struct TestPackage {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) architecture: String,
    pub(super) entries: Vec<(String, EntryType, Vec<u8>)>,
}

impl Default for TestPackage {
    fn default() -> Self {
        Self {
            name: "linux-image-test".to_owned(),
            version: None,
            architecture: "amd64".to_owned(),
            entries: Vec::new(),
        }
    }
}

impl TestPackage {
    /// An empty package of architecture amd64.
    pub fn new() -> Self {
        Self::default()
    }

    /// A package with a kernel and its configuration.
    pub fn with_kernel(release: &str, config: &str) -> Self {
        Self::new()
            .file(&format!("./boot/config-{release}"), config.as_bytes())
            .file(&format!("./boot/vmlinuz-{release}"), &image(release))
    }

    /// A package with a kernel and its configuration where distributions of RPM packages have them.
    pub fn with_kernel_in_modules(release: &str, config: &str) -> Self {
        let folder = format!("./lib/modules/{release}");
        Self::new()
            .name("kernel")
            .file(&format!("{folder}/config"), config.as_bytes())
            .file(&format!("{folder}/vmlinuz"), &image(release))
    }

    /// Changes its name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Changes its version, which otherwise is 1 in a `.deb` and 1-2 in an `.rpm`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// Changes the field `Architecture`, in Debian's word; `amd64` becomes `x86_64` in an `.rpm`.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// Adds a regular file; the path stands in the archive as it is.
    #[must_use]
    pub fn file(self, path: &str, bytes: &[u8]) -> Self {
        self.entry(path, b'0', bytes)
    }

    /// Adds an entry of a type of tar: `b'0'` a file, `b'2'` a symbolic link and so on.
    #[must_use]
    pub fn entry(mut self, path: &str, kind: u8, bytes: &[u8]) -> Self {
        self.entries
            .push((path.to_owned(), EntryType::new(kind), bytes.to_vec()));
        self
    }

    /// The package as a `.deb`, its members compressed with gzip.
    pub fn build(&self) -> Vec<u8> {
        self.build_with(Compression::Gzip)
    }

    /// The package as a `.deb`, its data compressed in any way.
    pub fn build_with(&self, compression: Compression) -> Vec<u8> {
        let extension = match compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Xz => ".xz",
            Compression::Zstd => ".zst",
        };
        let control = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\n",
            self.name,
            self.version.as_deref().unwrap_or("1"),
            self.architecture
        );
        let control = tar_of(&[(
            "./control".to_owned(),
            EntryType::Regular,
            control.into_bytes(),
        )]);
        let data = compress(&tar_of(&self.entries), compression);
        let mut bytes = b"!<arch>\n".to_vec();
        add_member(&mut bytes, "debian-binary", b"2.0\n");
        add_member(&mut bytes, "control.tar", &control);
        add_member(&mut bytes, &format!("data.tar{extension}"), &data);
        bytes
    }
}

fn add_member(archive: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let size = bytes.len();
    let header = format!(
        "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
        0, 0, 0, "100644"
    );
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(bytes);
    if size % 2 == 1 {
        archive.push(b'\n');
    }
}

/// A tar archive of (path, type, content), in GNU's form; paths go in as they are, hostile ones too.
pub fn tar_of(entries: &[(String, EntryType, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, bytes) in entries {
        let mut short = path.as_bytes();
        if short.len() > 100 {
            let mut long = short.to_vec();
            long.push(0);
            append(
                &mut builder,
                b"././@LongLink",
                EntryType::GNULongName,
                &long,
            );
            short = &short[..100];
        }
        append(&mut builder, short, *kind, bytes);
    }
    builder.into_inner().expect("a vector takes everything")
}

fn append(builder: &mut tar::Builder<Vec<u8>>, name: &[u8], kind: EntryType, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder
        .append(&header, bytes)
        .expect("a vector takes everything");
}

/// Compresses bytes, fast rather than well.
pub fn compress(bytes: &[u8], compression: Compression) -> Vec<u8> {
    const FINE: &str = "a vector takes everything";
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).expect(FINE);
            encoder.finish().expect(FINE)
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(bytes).expect(FINE);
            encoder.finish().expect(FINE)
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).expect(FINE),
    }
}

/// A bzImage of 4 KiB that is nothing but a header: boot protocol 2.15, 64 bit.
pub fn image(release: &str) -> Vec<u8> {
    let mut image = vec![0; 0x1000];
    let version = format!("{release} (builder@host) #1 SMP\0");
    image[0x1f1] = 4;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    image[0x20e..0x210].copy_from_slice(&0x0400_u16.to_le_bytes());
    image[0x236..0x238].copy_from_slice(&0x0021_u16.to_le_bytes());
    image[0x600..0x600 + version.len()].copy_from_slice(version.as_bytes());
    image
}

/// A module for x86-64 of this name that depends on others, `a,b`.
pub fn module(name: &str, depends: &str) -> Vec<u8> {
    module_for("1", name, depends)
}

/// The same, compiled for the kernel of a release.
pub fn module_for(release: &str, name: &str, depends: &str) -> Vec<u8> {
    let modinfo = format!("license=GPL\0depends={depends}\0name={name}\0vermagic={release} SMP \0");
    module_with(62, &[(".modinfo", modinfo.as_bytes())])
}

/// An ELF file of 64 bit for a processor, with these sections and one of their names.
pub fn module_with(machine: u16, sections: &[(&str, &[u8])]) -> Vec<u8> {
    const HEADER: usize = 64;
    let mut names = b"\0.shstrtab\0".to_vec();
    let mut contents = Vec::new();
    let mut table = section_header(0, 0, 0, 0);
    for (name, bytes) in sections {
        table.extend(section_header(
            names.len(),
            1,
            HEADER + contents.len(),
            bytes.len(),
        ));
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        contents.extend_from_slice(bytes);
    }
    table.extend(section_header(1, 3, HEADER + contents.len(), names.len()));
    contents.extend(names);
    let count = sections.len() + 2;
    let mut file = elf_header(machine, HEADER + contents.len(), count);
    file.extend(contents);
    file.extend(table);
    file
}

fn elf_header(machine: u16, sections_at: usize, count: usize) -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    // A relocatable file.
    header.extend(1_u16.to_le_bytes());
    header.extend(machine.to_le_bytes());
    header.extend(1_u32.to_le_bytes());
    header.extend([0; 16]);
    header.extend((sections_at as u64).to_le_bytes());
    header.extend([0; 4]);
    let count = u16::try_from(count).expect("tests have few sections");
    for half in [64, 0, 0, 64, count, count - 1] {
        header.extend(half.to_le_bytes());
    }
    header
}

/// Name, type, place and size of a section; everything else is 0.
fn section_header(name: usize, kind: u32, at: usize, size: usize) -> Vec<u8> {
    let name = u32::try_from(name).expect("tests have short names");
    let mut header = name.to_le_bytes().to_vec();
    header.extend(kind.to_le_bytes());
    header.extend([0; 16]);
    header.extend((at as u64).to_le_bytes());
    header.extend((size as u64).to_le_bytes());
    header.resize(64, 0);
    header
}
