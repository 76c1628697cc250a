//! The tags of a header that are read here. Source: `docs/manual/tags.md` of rpm.

/// A tag: its number, and what it is called in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) number: u32,
    pub(super) name: &'static str,
}

macro_rules! tags {
    ($($constant:ident = $number:literal, $name:literal;)*) => {
        $(pub(super) const $constant: Tag = Tag { number: $number, name: $name };)*
    };
}

tags! {
    // In the signature header.
    SIGNATURES = 62, "HEADERSIGNATURES";
    HEADER_SIGNATURE = 267, "DSAHEADER";
    HEADER_SHA256 = 273, "SHA256HEADER";
    RESERVED_SPACE = 1008, "RESERVEDSPACE";
    // In the main header.
    IMMUTABLE = 63, "HEADERIMMUTABLE";
    NAME = 1000, "NAME";
    VERSION = 1001, "VERSION";
    RELEASE = 1002, "RELEASE";
    EPOCH = 1003, "EPOCH";
    SUMMARY = 1004, "SUMMARY";
    BUILD_TIME = 1006, "BUILDTIME";
    BUILD_HOST = 1007, "BUILDHOST";
    SIZE = 1009, "SIZE";
    VENDOR = 1011, "VENDOR";
    LICENSE = 1014, "LICENSE";
    GROUP = 1016, "GROUP";
    URL = 1020, "URL";
    OS = 1021, "OS";
    ARCH = 1022, "ARCH";
    FILE_SIZES = 1028, "FILESIZES";
    FILE_MODES = 1030, "FILEMODES";
    FILE_MTIMES = 1034, "FILEMTIMES";
    FILE_DIGESTS = 1035, "FILEDIGESTS";
    FILE_LINKTOS = 1036, "FILELINKTOS";
    FILE_FLAGS = 1037, "FILEFLAGS";
    FILE_USERS = 1039, "FILEUSERNAME";
    FILE_GROUPS = 1040, "FILEGROUPNAME";
    SOURCE_RPM = 1044, "SOURCERPM";
    FILE_DEVICES = 1095, "FILEDEVICES";
    FILE_INODES = 1096, "FILEINODES";
    SOURCE_PACKAGE = 1106, "SOURCEPACKAGE";
    DIR_INDEXES = 1116, "DIRINDEXES";
    BASE_NAMES = 1117, "BASENAMES";
    DIR_NAMES = 1118, "DIRNAMES";
    PAYLOAD_FORMAT = 1124, "PAYLOADFORMAT";
    PAYLOAD_COMPRESSOR = 1125, "PAYLOADCOMPRESSOR";
    PAYLOAD_FLAGS = 1126, "PAYLOADFLAGS";
    LONG_FILE_SIZES = 5008, "LONGFILESIZES";
    FILE_DIGEST_ALGORITHM = 5011, "FILEDIGESTALGO";
    PAYLOAD_SHA256 = 5092, "PAYLOADSHA256";
    RPM_FORMAT = 5114, "RPMFORMAT";
}

/// The tags of relations: what they are called among the fields, then names, flags and versions.
pub(super) const RELATIONS: [(&str, [Tag; 3]); 8] = [
    ("Provides", relation(1047, 1112, 1113)),
    ("Requires", relation(1049, 1048, 1050)),
    ("Conflicts", relation(1054, 1053, 1055)),
    ("Obsoletes", relation(1090, 1114, 1115)),
    ("Recommends", relation(5046, 5048, 5047)),
    ("Suggests", relation(5049, 5051, 5050)),
    ("Supplements", relation(5052, 5054, 5053)),
    ("Enhances", relation(5055, 5057, 5056)),
];

const fn relation(names: u32, flags: u32, versions: u32) -> [Tag; 3] {
    [
        Tag {
            number: names,
            name: "names of relations",
        },
        Tag {
            number: flags,
            name: "flags of relations",
        },
        Tag {
            number: versions,
            name: "versions of relations",
        },
    ]
}

/// The tags of scriptlets: what they are called among the fields, as in a spec file, then the script and
/// its interpreter.
pub(super) const SCRIPTLETS: [(&str, [Tag; 2]); 9] = [
    ("Pre", scriptlet(1023, 1085)),
    ("Post", scriptlet(1024, 1086)),
    ("Preun", scriptlet(1025, 1087)),
    ("Postun", scriptlet(1026, 1088)),
    ("Verifyscript", scriptlet(1079, 1091)),
    ("Pretrans", scriptlet(1151, 1153)),
    ("Posttrans", scriptlet(1152, 1154)),
    ("Preuntrans", scriptlet(5103, 5105)),
    ("Postuntrans", scriptlet(5104, 5106)),
];

const fn scriptlet(script: u32, interpreter: u32) -> [Tag; 2] {
    [
        Tag {
            number: script,
            name: "a scriptlet",
        },
        Tag {
            number: interpreter,
            name: "the interpreter of a scriptlet",
        },
    ]
}
