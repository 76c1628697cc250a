//! The page: what it must hold, and what must never get into it.

use model::digest::Sha256;
use model::recipe::{PackageFormat, Target};
use model::release::{Changes, Kernel, Keys, Package, Release, SCHEMA};

use super::{lines, page};

const URL: &str = "https://kernels.example.org/mptcp";
const FINGERPRINT: &str = "0123456789ABCDEF0123456789ABCDEF01234567";
/// Ends what it stands in, in every way that a page, an address, a shell or a terminal knows.
const HOSTILE: &str =
    "</code></style>\"'><script>alert(1)</script>\u{1b}[2J\n$(reboot)`reboot`;reboot\u{202e}&\\";

fn acts(character: char) -> bool {
    (character.is_control() && character != '\n') || character == '\u{202e}'
}

fn package(name: &str, path: &str, indexed: bool) -> Package {
    Package {
        name: name.to_owned(),
        path: path.to_owned(),
        size: 48_300_000,
        sha256: Sha256::of(name),
        built: Sha256::of(name),
        indexed,
    }
}

fn kernel(recipe: &str, target: (&str, &str, PackageFormat), version: &str) -> Kernel {
    let (distribution, release, format) = target;
    let end = format.extension();
    let file = |name: &str| format!("pool/{recipe}/{name}_{version}.{end}");
    let image = format!("kernel-{version}-{recipe}");
    Kernel {
        recipe: recipe.parse().unwrap(),
        summary: format!("{distribution} in virtual machines & elsewhere"),
        target: Target {
            distribution: distribution.parse().unwrap(),
            release: release.to_owned(),
            format,
        },
        version: version.to_owned(),
        kernel_release: format!("{version}-mptcp"),
        install: format!("install-{recipe}"),
        plan_id: Sha256::of(version),
        commit: "383b9a4d0c5be2a1".to_owned(),
        released: 1_789_199_741,
        from_scratch: true,
        reproduced: true,
        folder: format!("kernels/{recipe}/{version}"),
        packages: vec![
            package(&image, &file(&image), true),
            package("linux-libc-dev", &file("linux-libc-dev"), false),
        ],
        changes: None,
    }
}

const DEBIAN: (&str, &str, PackageFormat) = ("debian", "13", PackageFormat::Deb);
const FEDORA: (&str, &str, PackageFormat) = ("fedora", "44", PackageFormat::Rpm);
const OPENSUSE: (&str, &str, PackageFormat) = ("opensuse", "16.0", PackageFormat::Rpm);
const UNHEARD: (&str, &str, PackageFormat) = ("plan", "9", PackageFormat::Rpm);

fn release(kernels: Vec<Kernel>) -> Release {
    Release {
        schema: SCHEMA,
        date: 1_789_199_741,
        valid_until: 1_791_791_741,
        url: URL.to_owned(),
        keys: Keys {
            openpgp: FINGERPRINT.to_owned(),
            minisign: "FEDCBA9876543210".to_owned(),
        },
        kernels,
    }
}

fn changes() -> Changes {
    let configuration = |n: usize| {
        let sign = if n.is_multiple_of(2) { '+' } else { '-' };
        format!("{sign}CONFIG_CHANGED_{n}=y")
    };
    Changes {
        since: "6.12.110-1".to_owned(),
        capabilities: vec![
            "+congestion control bbr".to_owned(),
            "-path manager userspace".to_owned(),
        ],
        configuration: (0..25).map(configuration).collect(),
    }
}

/// Two repositories, one of them with two recipes, one of these with two versions.
fn full() -> Release {
    let mut newest = kernel("debian-vm", DEBIAN, "6.12.117-1");
    newest.changes = Some(changes());
    let mut older = kernel("debian-vm", DEBIAN, "6.12.110-1");
    older.from_scratch = false;
    older.reproduced = false;
    let mut fedora = kernel("fedora-vm", FEDORA, "6.12.117-1^1");
    fedora.packages[0].built = Sha256::of("unsigned");
    let cloud = kernel("debian-cloud", DEBIAN, "6.12.117-1");
    release(vec![cloud, newest, older, fedora])
}

fn part<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let begin = text.find(from).unwrap();
    let length = text[begin..].find(to).unwrap_or(text.len() - begin);
    &text[begin..begin + length]
}

#[test]
fn a_release_is_shown_whole() {
    let text = page(&full());
    for part in [
        "<h1>Linux kernels with Multipath TCP</h1>",
        "default-src 'none'",
        "prefers-color-scheme: dark",
        "12 September 2026, 07:55 UTC",
        "12 October 2026, 07:55 UTC",
        "<a href=\"https://kernels.example.org/mptcp\">",
        "<h2>Debian 13</h2>",
        "<h2>Fedora 44</h2>",
        "debian in virtual machines &amp; elsewhere",
        "6.12.117-1-mptcp",
        "install-debian-vm",
        "href=\"kernels/fedora-vm/6.12.117-1%5E1/sbom.spdx.json\"",
        "46.1 MiB",
        "built twice under variation, every byte the same",
        "not built twice",
        "would replace the distribution's own",
        "0123 4567 89AB CDEF",
        "FEDCBA9876543210",
        "minisign -Vm SHA256SUMS -p mptcp-kernels.pub",
        "cargo xtask verify https://kernels.example.org/mptcp --key 0123456789ABCDEF",
        "not signed for UEFI Secure Boot",
    ] {
        assert!(text.contains(part), "{part}");
    }
    for paper in [
        "smoke.html",
        "config",
        "manifest.json",
        "sbom.spdx.json",
        "provenance.json",
    ] {
        let link = format!("href=\"kernels/debian-vm/6.12.110-1/{paper}\"");
        assert_eq!(text.matches(&link).count(), 1, "{paper}");
    }
    for package in full().kernels.iter().flat_map(|kernel| &kernel.packages) {
        assert!(text.contains(&package.sha256.to_string()));
        assert!(text.contains(&package.built.to_string()));
    }
    for outside in ["src=", "@import", "url(", "<script", "<link", "onclick"] {
        assert!(!text.contains(outside), "{outside}");
    }
    assert!(!text.contains(acts));
}

#[test]
fn links_within_the_page_lead_somewhere() {
    let text = page(&full());
    let targets: Vec<_> = text.split("href=\"#").skip(1).collect();
    assert!(targets.len() > 8);
    for target in targets {
        let name = target.split('"').next().unwrap();
        assert_eq!(text.matches(&format!("id=\"{name}\"")).count(), 1, "{name}");
    }
}

#[test]
fn each_repository_is_added_in_two_lines() {
    let release = release(vec![
        kernel("debian-vm", DEBIAN, "1"),
        kernel("fedora-vm", FEDORA, "1"),
        kernel("opensuse-vm", OPENSUSE, "1"),
        kernel("other", UNHEARD, "1"),
    ]);
    let found: Vec<_> = release
        .kernels
        .iter()
        .map(|kernel| lines(&release, kernel))
        .collect();
    let curl = "sudo curl --fail --silent --show-error --location";
    let expected = [
        [
            format!(
                "{curl} --create-dirs --output /usr/share/keyrings/mptcp-kernels.asc {URL}/mptcp-kernels.asc --output /etc/apt/sources.list.d/mptcp-kernels.sources {URL}/apt/debian-13.sources"
            ),
            "sudo apt-get update && sudo apt-get install mptcp-kernels-keyring install-debian-vm"
                .to_owned(),
        ],
        [
            format!("{curl} --output /etc/yum.repos.d/mptcp-kernels.repo {URL}/rpm/fedora-44.repo"),
            "sudo dnf install install-fedora-vm".to_owned(),
        ],
        [
            format!(
                "{curl} --output /etc/zypp/repos.d/mptcp-kernels.repo {URL}/rpm/opensuse-16.0.repo"
            ),
            "sudo zypper install install-opensuse-vm".to_owned(),
        ],
        [
            format!("{curl} --output /etc/yum.repos.d/mptcp-kernels.repo {URL}/rpm/plan-9.repo"),
            "sudo dnf install install-other".to_owned(),
        ],
    ];
    assert_eq!(found, expected);
    let text = page(&release);
    for line in found.iter().flatten() {
        let shown = line.replace('&', "&amp;");
        let shown = format!("<pre class=\"command\"><code>{shown}</code></pre>");
        assert_eq!(text.matches(&shown).count(), 1, "{line}");
    }
    assert!(text.contains("<h2>openSUSE 16.0</h2>") && text.contains("<h2>Plan 9</h2>"));
}

#[test]
fn of_several_recipes_the_first_is_in_the_line_and_each_names_its_package() {
    let text = page(&full());
    let debian = part(&text, "<h2>Debian 13</h2>", "</section>");
    assert_eq!(debian.matches("sudo apt-get install").count(), 1);
    assert!(debian.contains("mptcp-kernels-keyring install-debian-cloud</code>"));
    assert!(debian.contains("<dd class=\"code\">install-debian-vm</dd>"));
    assert!(debian.contains("in the place of the last word"));
    let fedora = &text[text.find("<h2>Fedora 44</h2>").unwrap()..];
    assert!(!fedora.contains("in the place of the last word"));
}

#[test]
fn only_older_versions_are_folded() {
    let text = page(&full());
    let article = part(&text, "id=\"debian-13.debian-vm\"", "</article>");
    let fold = article.find("<details class=\"older\">").unwrap();
    let (open, folded) = article.split_at(fold);
    assert!(open.contains("kernel-6.12.117-1-debian-vm") && open.contains("every byte the same"));
    assert!(folded.contains("kernel-6.12.110-1-debian-vm") && folded.contains("not built twice"));
    assert!(folded.contains("out of a compiler's cache"));
    assert_eq!(text.matches("class=\"older\"").count(), 1);
}

#[test]
fn changes_are_told_and_long_lists_folded() {
    let text = page(&full());
    let told = part(&text, "What changed since", "</article>");
    assert!(told.contains("6.12.110-1"));
    assert!(told.contains("<li class=\"plus\">+congestion control bbr</li>"));
    assert!(told.contains("<li class=\"minus\">-path manager userspace</li>"));
    let long = part(told, "<details>", "</details>");
    assert_eq!(long.matches("CONFIG_CHANGED_").count(), 25);
    assert!(long.contains("+13") && long.contains("−12"));
    assert!(!long.contains("bbr"));
    let mut same = full();
    same.kernels[0].changes = Some(Changes::default());
    assert!(page(&same).contains("Configuration: the same"));
}

#[test]
fn an_empty_release_says_so() {
    let text = page(&release(Vec::new()));
    assert!(text.contains("There is nothing here yet"));
    assert!(text.contains("0123 4567") && !text.contains("<pre class=\"command\"><code>sudo"));
    assert!(!page(&full()).contains("nothing here yet"));
}

#[test]
fn nothing_hostile_gets_through() {
    let mut release = full();
    release.url = HOSTILE.to_owned();
    release.keys = Keys {
        openpgp: HOSTILE.to_owned(),
        minisign: HOSTILE.to_owned(),
    };
    for kernel in &mut release.kernels {
        kernel.target.release = HOSTILE.to_owned();
        kernel.changes = Some(changes());
        let changes = kernel.changes.as_mut().unwrap();
        let package = &mut kernel.packages[0];
        changes.capabilities.push(HOSTILE.to_owned());
        changes.configuration[0] = format!("+{HOSTILE}");
        for text in [
            &mut kernel.summary,
            &mut kernel.version,
            &mut kernel.kernel_release,
            &mut kernel.install,
            &mut kernel.commit,
            &mut kernel.folder,
            &mut changes.since,
            &mut package.name,
            &mut package.path,
        ] {
            HOSTILE.clone_into(text);
        }
    }
    let text = page(&release);
    assert!(text.contains("alert(1)") && !text.contains(acts));
    for harm in ["<script", "</code></style", "\"'>", "javascript:"] {
        assert!(!text.contains(harm), "{harm}");
    }
    assert_eq!(text.matches("<style>").count(), 1);
    for link in text.split("href=\"").skip(1) {
        let link = link.split('"').next().unwrap();
        assert!(!link.contains([':', '\\', '\'', '<', ' ', '&']), "{link}");
    }
    for line in release
        .kernels
        .iter()
        .flat_map(|kernel| lines(&release, kernel))
    {
        assert!(!line.contains(acts) && !line.contains('\n'));
        // What stands outside of quotes is ours.
        let bare: String = line.replace(r"'\''", "").split('\'').step_by(2).collect();
        assert!(
            !bare.contains("reboot") && !bare.contains(['$', '`', ';']),
            "{line}"
        );
    }
}

#[test]
fn addresses_of_other_kinds_are_no_links() {
    for url in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///srv/x",
        "",
    ] {
        let mut release = release(Vec::new());
        url.clone_into(&mut release.url);
        assert!(
            !page(&release).contains(&format!("href=\"{url}\"")),
            "{url}"
        );
    }
}

#[test]
fn equal_releases_give_equal_pages() {
    assert_eq!(page(&full()), page(&full()));
}
