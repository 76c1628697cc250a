//! The door to the environment: variables, and the directories that follow from them.

use camino::{Utf8Path, Utf8PathBuf};

use crate::category::Category;

/// The name of this project's folders in the user's cache and configuration.
const FOLDER: &str = "mptcp-kernels";

/// The value of an environment variable; none when it is unset or no UTF-8.
#[expect(clippy::disallowed_methods, reason = "the door to the environment")]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The environment does not say where to keep things.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// Neither the XDG variable nor HOME holds an absolute path.
    #[error(
        "finding the {what} folder: neither {variable} nor HOME is set to an absolute path; set one of them"
    )]
    NoHome {
        /// `cache` or `configuration`.
        what: &'static str,
        /// The variables that would have done.
        variable: &'static str,
    },
    /// A variable of this project holds a relative path.
    #[error("reading {variable}: an absolute path is expected, found `{found}`")]
    Relative {
        /// The variable.
        variable: &'static str,
        /// Its value.
        found: String,
    },
}

impl EnvironmentError {
    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::NoHome { .. } => Category::Host,
            Self::Relative { .. } => Category::Input,
        }
    }
}

/// Where the user's files of this project are; the folders need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// Downloads and sessions: may be deleted at any time when nothing runs.
    pub cache: Utf8PathBuf,
    /// The user's configuration.
    pub config: Utf8PathBuf,
    /// What is remembered from one run to the next, and is no cache.
    pub state: Utf8PathBuf,
}

impl Directories {
    /// The directories that this process's environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Self::from_variables(var)
    }

    /// The directories that follow from the variables that `lookup` knows: the cache from
    /// `MPTCP_KERNELS_CACHE`, `XDG_CACHE_HOME` or `HOME`, the configuration from `XDG_CONFIG_HOME`
    /// or `HOME`, the state from `XDG_STATE_HOME` or `HOME`. Relative XDG paths are ignored, as the XDG specification wants it.
    ///
    /// # Errors
    /// When no variable names an absolute path, or `MPTCP_KERNELS_CACHE` a relative one.
    pub fn from_variables(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, EnvironmentError> {
        let absolute = |name: &str| {
            lookup(name)
                .map(Utf8PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let user_folder = |what, variable: &'static str, below_home: &str| {
            absolute(variable)
                .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
                .map(|base| base.join(FOLDER))
                .ok_or(EnvironmentError::NoHome { what, variable })
        };
        let cache = match lookup("MPTCP_KERNELS_CACHE").filter(|value| !value.is_empty()) {
            Some(found) if !Utf8Path::new(&found).is_absolute() => {
                return Err(EnvironmentError::Relative {
                    variable: "MPTCP_KERNELS_CACHE",
                    found,
                });
            }
            Some(found) => Utf8PathBuf::from(found),
            None => user_folder("cache", "XDG_CACHE_HOME", ".cache")?,
        };
        Ok(Self {
            cache,
            config: user_folder("configuration", "XDG_CONFIG_HOME", ".config")?,
            state: user_folder("state", "XDG_STATE_HOME", ".local/state")?,
        })
    }

    /// The user's configuration file; it need not exist.
    pub fn config_file(&self) -> Utf8PathBuf {
        self.config.join("config.toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(variables: &[(&str, &str)]) -> Result<Directories, EnvironmentError> {
        Directories::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_most_specific_variable_wins() {
        let home = ("HOME", "/home/me");
        let found = directories(&[home]).unwrap();
        assert_eq!(found.cache, "/home/me/.cache/mptcp-kernels");
        assert_eq!(
            found.config_file(),
            "/home/me/.config/mptcp-kernels/config.toml"
        );
        let xdg = [
            home,
            ("XDG_CACHE_HOME", "/c"),
            ("XDG_CONFIG_HOME", "relative"),
        ];
        let found = directories(&xdg).unwrap();
        assert_eq!(found.cache, "/c/mptcp-kernels");
        assert_eq!(found.config, "/home/me/.config/mptcp-kernels");
        let own = [
            home,
            ("XDG_CACHE_HOME", "/c"),
            ("MPTCP_KERNELS_CACHE", "/own"),
        ];
        assert_eq!(directories(&own).unwrap().cache, "/own");
    }

    #[test]
    fn nothing_usable_is_an_error_that_names_the_variable() {
        let error = directories(&[("HOME", "")]).unwrap_err();
        assert!(error.to_string().contains("XDG_CACHE_HOME"), "{error}");
        let error = directories(&[("HOME", "/h"), ("MPTCP_KERNELS_CACHE", "x/y")]).unwrap_err();
        assert!(error.to_string().contains("x/y"), "{error}");
        assert_eq!(error.category(), Category::Input);
    }
}
