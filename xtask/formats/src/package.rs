//! One door for both kinds of packages: what is in them, whatever their format.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Chain, Cursor, Read};

use model::recipe::PackageFormat;

use crate::deb::{self, Deb, DebError};
use crate::entry::Entry;
use crate::metered::Metered;
use crate::rpm::{self, Rpm, RpmError};
use crate::tar_entries::{self, TarError};

/// How a `.deb` begins, which is an ar archive.
const DEB: &[u8] = b"!<arch>\n";

/// Why a stream is no usable package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The reader failed at once.
    #[error("reading its first bytes failed")]
    Start(#[source] io::Error),
    /// The file is something else.
    #[error("found a file that begins with {0:?}, expected a .deb or an .rpm")]
    Unknown(String),
    /// A `.deb` is damaged.
    #[error(transparent)]
    Deb(#[from] DebError),
    /// The files in a `.deb` are damaged.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// An `.rpm` is damaged.
    #[error(transparent)]
    Rpm(#[from] RpmError),
}

impl PackageError {
    /// What the reader or the decompressor said, where that is why.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Start(error)
            | Self::Deb(DebError::Io { source: error, .. })
            | Self::Tar(TarError::Io(error))
            | Self::Rpm(RpmError::Io { source: error, .. }) => Some(error),
            _ => None,
        }
    }
}

/// A package that was opened, and whose files come next.
#[derive(Debug)]
pub struct Package<R>(Inner<Source<R>>);

type Source<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

#[derive(Debug)]
enum Inner<R> {
    Deb(Deb<R>),
    Rpm(Box<Rpm<R>>),
}

/// Reads a package of either format up to its files; its first bytes tell which it is.
///
/// # Errors
///
/// See [`PackageError`].
pub fn open<R: Read>(mut reader: R) -> Result<Package<R>, PackageError> {
    let mut start = Vec::new();
    (&mut reader)
        .take(DEB.len() as u64)
        .read_to_end(&mut start)
        .map_err(PackageError::Start)?;
    let (is_deb, is_rpm) = (is_begun(&start, DEB), is_begun(&start, &rpm::MAGIC));
    let reader = BufReader::new(Cursor::new(start.clone()).chain(reader));
    if is_rpm {
        return Ok(Package(Inner::Rpm(Box::new(rpm::open(reader)?))));
    }
    if is_deb {
        return Ok(Package(Inner::Deb(deb::open(reader)?)));
    }
    let start = String::from_utf8_lossy(&start).into_owned();
    Err(PackageError::Unknown(start))
}

/// Whether these bytes, which may be all there are, begin as a format does.
fn is_begun(start: &[u8], magic: &[u8]) -> bool {
    start.starts_with(magic) || (!start.is_empty() && magic.starts_with(start))
}

impl<R: Read> Package<R> {
    /// Which format it is of.
    pub fn format(&self) -> PackageFormat {
        match &self.0 {
            Inner::Deb(_) => PackageFormat::Deb,
            Inner::Rpm(_) => PackageFormat::Rpm,
        }
    }

    /// Its name; empty where a `.deb` does not tell it.
    pub fn name(&self) -> &str {
        match &self.0 {
            Inner::Deb(deb) => deb.control().get("Package").unwrap_or_default(),
            Inner::Rpm(rpm) => rpm.name(),
        }
    }

    /// Its version as the format's tools write it, `[epoch:]version-release` in an `.rpm`; empty where a
    /// `.deb` does not tell it.
    pub fn version(&self) -> String {
        match &self.0 {
            Inner::Deb(deb) => deb.control().get("Version").unwrap_or_default().to_owned(),
            Inner::Rpm(rpm) => rpm.full_version(),
        }
    }

    /// Its architecture in the format's own word, `amd64` or `x86_64`; empty where a `.deb` does not tell it.
    pub fn architecture(&self) -> &str {
        match &self.0 {
            Inner::Deb(deb) => deb.control().get("Architecture").unwrap_or_default(),
            Inner::Rpm(rpm) => rpm.architecture(),
        }
    }

    /// What it says of itself: the control file of a `.deb`, or what [`Rpm::fields`] gives.
    pub fn fields(&self) -> BTreeMap<String, String> {
        match &self.0 {
            Inner::Deb(deb) => {
                let fields = deb.control().fields();
                fields
                    .map(|(field, value)| (field.to_owned(), value.to_owned()))
                    .collect()
            }
            Inner::Rpm(rpm) => rpm.fields().clone(),
        }
    }

    /// Shows every entry to `visit`, and reads on to the end; at most `limit` bytes are unpacked.
    ///
    /// # Errors
    ///
    /// See [`PackageError`]; what `visit` returns ends the reading.
    pub fn for_each_entry<E: From<PackageError>>(
        self,
        limit: u64,
        visit: impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_entry_metered(limit, |_| Ok(()), visit)
    }

    /// As [`Package::for_each_entry`]; `meter` is told how many bytes each reading unpacked, and may end it
    /// all.
    ///
    /// # Errors
    ///
    /// As [`Package::for_each_entry`]; what `meter` returns comes wrapped, see [`PackageError::io`].
    pub fn for_each_entry_metered<E: From<PackageError>>(
        self,
        limit: u64,
        meter: impl FnMut(usize) -> io::Result<()>,
        mut visit: impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let visit = |entry: Entry<'_>| visit(entry).map_err(Stop::Visitor);
        let result = match self.0 {
            Inner::Deb(deb) => match deb.data(limit) {
                Ok(inner) => tar_entries::for_each(Metered { inner, meter }, visit),
                Err(error) => Err(Stop::Package(error.into())),
            },
            Inner::Rpm(rpm) => rpm.for_each_metered(limit, meter, visit),
        };
        result.map_err(|stop| match stop {
            Stop::Package(error) => error.into(),
            Stop::Visitor(error) => error,
        })
    }
}

/// Why the reading of entries ended.
enum Stop<E> {
    Package(PackageError),
    Visitor(E),
}

impl<E> From<TarError> for Stop<E> {
    fn from(error: TarError) -> Self {
        Self::Package(error.into())
    }
}

impl<E> From<RpmError> for Stop<E> {
    fn from(error: RpmError) -> Self {
        Self::Package(error.into())
    }
}

#[cfg(test)]
mod tests;
