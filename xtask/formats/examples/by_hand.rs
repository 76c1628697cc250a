#![allow(warnings, clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]
use formats::*;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let file = |i: usize| std::fs::read(&args[i]).unwrap();
    match args[0].as_str() {
        "sig" => {
            let ring = match openpgp::Keyring::parse(&file(1)) { Ok(r) => r, Err(e) => { println!("keyring: {e}"); return } };
            println!("{ring:?}");
            for a in &args[2..] {
                let t = std::time::Instant::now();
                match ring.verify_inrelease(&std::fs::read(a).unwrap(), now) {
                    Ok(v) => {
                        println!("{a}: good by {:?} {:?}", v.signers, t.elapsed());
                        let r = release::Release::parse(&v.text).unwrap();
                        println!("  {} {} {} {} {:?} {} {:?} {:?} {:?} {} {} {:?}", r.origin, r.label, r.suite, r.codename, r.version, r.date, r.valid_until, r.architectures, r.components, r.acquire_by_hash, r.sha256.len(), r.check_fresh(now));
                    }
                    Err(e) => println!("{a}: {e}"),
                }
            }
        }
        "pkgs" => {
            let t = std::time::Instant::now();
            let kind = compression::Compression::from_extension(args[1].rsplit_once('.').unwrap().1).unwrap();
            let d = compression::Decoder::new(std::fs::File::open(&args[1]).unwrap(), kind, 1 << 30).unwrap();
            let (mut n, mut rel, mut max) = (0, 0, 0);
            for p in packages::read_packages(std::io::BufReader::new(d)) {
                let p = match p { Ok(p) => p, Err(e) => { println!("{e}"); break } };
                n += 1; rel += p.depends.len(); max = max.max(p.stanza.len());
                if args.get(2) == Some(&p.name) { println!("{p:#?}") }
            }
            println!("{n} packages, {rel} groups, longest {max}, {:?}", t.elapsed());
            println!("{}", std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM")).unwrap());
        }
        "deb" => for a in &args[1..] {
            let d = match deb::open(std::io::BufReader::new(std::fs::File::open(a).unwrap())) { Ok(d) => d, Err(e) => { println!("{a}: {e:?}"); continue } };
            println!("{a}: {} {:?} {:?}", d.timestamp(), d.control().get("Package"), d.control().get("Version"));
            let data = match d.data(4 << 30) { Ok(d) => d, Err(e) => { println!("{e:?}"); continue } };
            let mut ar = tar::Archive::new(data);
            let mut n = 0;
            for e in ar.entries().unwrap() { let e = match e { Ok(e) => e, Err(e) => { println!("tar: {e}"); break } }; let p = tar_path::safe_path(&e.path_bytes()).unwrap(); n += 1; if n < 4 { println!("  {p} {}", e.size()); } }
            println!("  {n} entries");
        },
        _ => {}
    }
}
