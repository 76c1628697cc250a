//! stub
use serde::Serialize;
use std::io::{self, Read, Seek};
#[derive(Debug, thiserror::Error)]
#[error("{name}")]
pub struct DifferenceError {
    pub name: String,
    pub source: io::Error,
}
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub place: Vec<String>,
    pub a: Option<Bytes>,
    pub b: Option<Bytes>,
    pub cause: Cause,
    pub differing: u64,
    pub members: Vec<String>,
}
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bytes {
    pub offset: u64,
    pub bytes: Vec<u8>,
}
impl Bytes {
    pub fn hexdump(&self) -> String {
        String::new()
    }
    pub fn text(&self) -> String {
        String::new()
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Cause {
    Unknown,
}
impl Cause {
    pub fn name(self) -> &'static str {
        ""
    }
    pub fn explanation(self) -> &'static str {
        ""
    }
    pub fn remedy(self) -> &'static str {
        ""
    }
}
pub fn first(
    _name: &str,
    _a: impl Read + Seek,
    _b: impl Read + Seek,
) -> Result<Option<Difference>, DifferenceError> {
    Ok(None)
}
