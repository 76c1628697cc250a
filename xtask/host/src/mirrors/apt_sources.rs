//! The two formats of apt's lists of sources, as far as the addresses in them go.

/// The addresses in a `.list` file: `deb [options] URI suite components`.
pub(super) fn parse_one_line(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(one_line)
        .map(str::to_owned)
        .collect()
}

fn one_line(line: &str) -> Option<&str> {
    let line = line.split('#').next()?.trim();
    let (kind, rest) = line.split_once([' ', '\t'])?;
    if !matches!(kind, "deb" | "deb-src") {
        return None;
    }
    let rest = rest.trim_start();
    let after_options = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    after_options
        .split_whitespace()
        .next()
        .filter(|uri| is_literal(uri))
}

/// The addresses in a `.sources` file: deb822 stanzas with `URIs`, unless `Enabled` says no.
pub(super) fn parse_deb822(text: &str) -> Vec<String> {
    let mut uris = Vec::new();
    let mut stanza = Stanza::default();
    for line in text.lines() {
        if line.trim().is_empty() {
            uris.append(&mut std::mem::take(&mut stanza).finish());
        } else if !line.starts_with('#') {
            stanza.add(line);
        }
    }
    uris.append(&mut stanza.finish());
    uris
}

#[derive(Default)]
struct Stanza {
    field: String,
    uris: Vec<String>,
    disabled: bool,
}

impl Stanza {
    fn add(&mut self, line: &str) {
        let value = if line.starts_with([' ', '\t']) {
            line
        } else if let Some((field, value)) = line.split_once(':') {
            self.field = field.trim().to_ascii_lowercase();
            value
        } else {
            self.field.clear();
            return;
        };
        match self.field.as_str() {
            "uris" => {
                let uris = value.split_whitespace().filter(|uri| is_literal(uri));
                self.uris.extend(uris.map(str::to_owned));
            }
            "enabled" => self.disabled = is_no(value.trim()),
            _ => {}
        }
    }

    fn finish(self) -> Vec<String> {
        if self.disabled { Vec::new() } else { self.uris }
    }
}

/// The words that apt takes for no.
fn is_no(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    matches!(
        value.as_str(),
        "no" | "false" | "without" | "off" | "disable" | "0"
    )
}

/// Whether apt would put nothing of its own in, such as `$(ARCH)`.
fn is_literal(uri: &str) -> bool {
    !uri.contains("$(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_format() {
        let text = "\
# deb http://commented.example.org/debian x main
deb http://plain.example.org/debian trixie main # deb http://no.example.org/debian
  deb-src\thttps://source.example.org/debian trixie main
deb [ arch=amd64,arm64 signed-by=/a/b.gpg ] http://spaced.example.org/debian/ x main
deb [trusted=yes]http://tight.example.org/debian x main
deb [ broken http://unclosed.example.org/debian x main
deb http://example.org/$(ARCH)/debian x main
debian http://word.example.org/debian x main
deb
";
        assert_eq!(
            parse_one_line(text),
            [
                "http://plain.example.org/debian",
                "https://source.example.org/debian",
                "http://spaced.example.org/debian/",
                "http://tight.example.org/debian",
            ]
        );
    }

    #[test]
    fn deb822_format() {
        let text = "\
# a comment
Types: deb deb-src
URIs: http://one.example.org/debian http://two.example.org/debian/
# a comment inside
 http://three.example.org/debian
Suites: trixie
  http://suite.example.org/debian

Enabled: no
URIs: http://off.example.org/debian

uris:
 https://four.example.org/debian
enabled: yes
\t
URIs: http://late.example.org/debian
Enabled: False
";
        assert_eq!(
            parse_deb822(text),
            [
                "http://one.example.org/debian",
                "http://two.example.org/debian/",
                "http://three.example.org/debian",
                "https://four.example.org/debian",
            ]
        );
    }

    #[test]
    fn nothing_in_nothing_out() {
        for text in ["", "\n\n", "URIs", ":", " continuation", "deb [", "deb [] "] {
            assert_eq!(parse_one_line(text), [""; 0], "{text}");
            assert_eq!(parse_deb822(text), [""; 0], "{text}");
        }
    }
}
