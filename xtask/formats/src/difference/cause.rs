//! Why two builds of one file differ, as far as that is known.

use serde::{Deserialize, Serialize};

/// Why two builds differ at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A date or a time of the build.
    EmbeddedDate,
    /// The build id of an ELF file, and nothing else of it.
    BuildId,
    /// The absolute path of a source or of a folder of the build.
    Path,
    /// The signature that was appended to a kernel module.
    ModuleSignature,
    /// The types in BTF.
    BtfOrder,
    /// The name or the time in the header of gzip.
    GzipName,
    /// Members or lines in another order.
    FileOrder,
    /// The owner of a member.
    Ownership,
    /// The permissions of a member.
    Permissions,
    /// The time of a member.
    ModificationTime,
    /// The name of the machine.
    HostName,
    /// The name of the user.
    UserName,
    /// Bytes that look random.
    RandomBytes,
    /// The same content, compressed to other bytes.
    Compression,
    /// A member that only one has.
    Missing,
    /// Nothing that is known here.
    Unknown,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 16] = [
        Self::EmbeddedDate,
        Self::BuildId,
        Self::Path,
        Self::ModuleSignature,
        Self::BtfOrder,
        Self::GzipName,
        Self::FileOrder,
        Self::Ownership,
        Self::Permissions,
        Self::ModificationTime,
        Self::HostName,
        Self::UserName,
        Self::RandomBytes,
        Self::Compression,
        Self::Missing,
        Self::Unknown,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmbeddedDate => "embedded-date",
            Self::BuildId => "build-id",
            Self::Path => "path",
            Self::ModuleSignature => "module-signature",
            Self::BtfOrder => "btf-order",
            Self::GzipName => "gzip-name",
            Self::FileOrder => "file-order",
            Self::Ownership => "ownership",
            Self::Permissions => "permissions",
            Self::ModificationTime => "modification-time",
            Self::HostName => "host-name",
            Self::UserName => "user-name",
            Self::RandomBytes => "random-bytes",
            Self::Compression => "compression",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }

    /// What happened, in a sentence.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::EmbeddedDate => "the time of the build stands in the content",
            Self::BuildId => {
                "the linker derived another build id, although all that is loaded is the same"
            }
            Self::Path => "the folder in which it was built stands in the content",
            Self::ModuleSignature => {
                "the module is the same, but was signed with another key or at another time"
            }
            Self::BtfOrder => {
                "pahole wrote the types in another order, as it does with several threads"
            }
            Self::GzipName => "gzip stored the name or the time of the file that it compressed",
            Self::FileOrder => {
                "members or lines stand in another order, as a folder lists them or as processes end"
            }
            Self::Ownership => "a member belongs to another user or group",
            Self::Permissions => "a member has other permissions, as another umask leaves them",
            Self::ModificationTime => "a member has another time of modification",
            Self::HostName => "the name of the machine that built it stands in the content",
            Self::UserName => "the name of the user who built it stands in the content",
            Self::RandomBytes => {
                "something drew random numbers during the build: a generated key, a randomised layout of structures, the name of a temporary file"
            }
            Self::Compression => {
                "the content is the same, but was compressed to other bytes: another level, number of threads or version of the compressor"
            }
            Self::Missing => "only one of the builds has it",
            Self::Unknown => "the bytes tell of no known cause",
        }
    }

    /// What to do about it, in a sentence.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::EmbeddedDate => {
                "set KBUILD_BUILD_TIMESTAMP and SOURCE_DATE_EPOCH, and replace what reads the clock"
            }
            Self::BuildId => {
                "look for a difference in what the linker read: debug information, or objects in another order"
            }
            Self::Path => {
                "build in the same folder, or add -fmacro-prefix-map and -fdebug-prefix-map to KCFLAGS"
            }
            Self::ModuleSignature => {
                "switch off CONFIG_MODULE_SIG_ALL, or sign with a key that is kept"
            }
            Self::BtfOrder => {
                "run pahole with one thread or with --btf_features=+reproducible_build, or switch off CONFIG_DEBUG_INFO_BTF"
            }
            Self::GzipName => "run gzip with -n",
            Self::FileOrder => "sort the names before they are packed or written, with LC_ALL=C",
            Self::Ownership => "pack as root:root, with --owner=0 --group=0 --numeric-owner",
            Self::Permissions => "set umask 022 before anything is made",
            Self::ModificationTime => "clamp the times to SOURCE_DATE_EPOCH before packing",
            Self::HostName => "set KBUILD_BUILD_HOST, and _buildhost for rpmbuild",
            Self::UserName => "set KBUILD_BUILD_USER, DEBFULLNAME and DEBEMAIL",
            Self::RandomBytes => {
                "give a fixed seed or key: scripts/basic/randstruct.seed, CONFIG_MODULE_SIG_KEY"
            }
            Self::Compression => {
                "use the same compressor with the same level and a fixed number of threads"
            }
            Self::Missing => "compare the configurations and the logs of both builds",
            Self::Unknown => "look at the bytes of both builds at this place",
        }
    }

    /// Whether nothing but the packing differs.
    pub(super) fn is_packing(self) -> bool {
        matches!(self, Self::Compression | Self::GzipName)
    }

    /// Whether it says more than that bytes differ.
    pub(super) fn is_telling(self) -> bool {
        !matches!(self, Self::Unknown | Self::RandomBytes)
    }
}
