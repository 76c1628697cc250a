//! What a header says of its package, as text.

use std::collections::BTreeMap;

use super::RpmError;
use super::header::{Header, mismatch};
use super::tag::{self, RELATIONS, SCRIPTLETS, Tag};

const TEXTS: [(&str, Tag); 13] = [
    ("Name", tag::NAME),
    ("Version", tag::VERSION),
    ("Release", tag::RELEASE),
    ("Architecture", tag::ARCH),
    ("OS", tag::OS),
    ("Summary", tag::SUMMARY),
    ("License", tag::LICENSE),
    ("Vendor", tag::VENDOR),
    ("URL", tag::URL),
    ("Group", tag::GROUP),
    ("BuildHost", tag::BUILD_HOST),
    ("SourceRPM", tag::SOURCE_RPM),
    ("PayloadCompressor", tag::PAYLOAD_COMPRESSOR),
];
const NUMBERS: [(&str, Tag); 3] = [
    ("Epoch", tag::EPOCH),
    ("BuildTime", tag::BUILD_TIME),
    ("Size", tag::SIZE),
];

/// How a version is compared. Source: `RPMSENSE_*` in `rpmds.h` of rpm.
const LESS: u32 = 1 << 1;
const GREATER: u32 = 1 << 2;
const EQUAL: u32 = 1 << 3;

/// All fields that the header has.
pub(super) fn read(header: &Header) -> Result<BTreeMap<String, String>, RpmError> {
    let mut fields = BTreeMap::new();
    let mut add = |name: &str, value: Option<String>| {
        fields.extend(value.map(|value| (name.to_owned(), value)));
    };
    for (name, tag) in TEXTS {
        add(name, header.text(tag)?.map(str::to_owned));
    }
    // Empty where there are none.
    let flags = header.text(tag::PAYLOAD_FLAGS)?.filter(|it| !it.is_empty());
    add("PayloadFlags", flags.map(str::to_owned));
    for (name, tag) in NUMBERS {
        add(name, header.number(tag)?.map(|number| number.to_string()));
    }
    for (name, tags) in RELATIONS {
        add(name, relations(header, tags)?);
    }
    for (name, [script, interpreter]) in SCRIPTLETS {
        add(name, header.text(script)?.map(str::to_owned));
        let words = header.texts(interpreter)?;
        let words = words.map(|words| words.collect::<Vec<_>>().join(" "));
        add(&format!("{name}Interpreter"), words);
    }
    Ok(fields)
}

/// Relations as a spec file has them, separated by commas.
fn relations(
    header: &Header,
    [names, flags, versions]: [Tag; 3],
) -> Result<Option<String>, RpmError> {
    let Some(texts) = header.texts(names)? else {
        return Ok(None);
    };
    let count = texts.len();
    let bits = header
        .numbers(flags)?
        .ok_or(RpmError::Missing(flags.name))?;
    let wanted = header.texts(versions)?;
    let wanted = wanted.ok_or(RpmError::Missing(versions.name))?;
    for (tag, found) in [(flags, bits.len()), (versions, wanted.len())] {
        if found != count {
            return Err(mismatch(tag, format!("{found} values"), format!("{count}")));
        }
    }
    let list: Vec<_> = texts
        .zip(bits)
        .zip(wanted)
        .map(|((name, flags), version)| relation(name, flags, version))
        .collect();
    Ok(Some(list.join(", ")))
}

fn relation(name: &str, flags: u32, version: &str) -> String {
    let mut operator = String::new();
    for (bit, sign) in [(LESS, '<'), (GREATER, '>'), (EQUAL, '=')] {
        if flags & bit != 0 {
            operator.push(sign);
        }
    }
    if operator.is_empty() || version.is_empty() {
        return name.to_owned();
    }
    format!("{name} {operator} {version}")
}
