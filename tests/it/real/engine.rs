//! The container engine, asked over its socket: what the tool left there is not for the tool to say.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::environment::var;
use serde_json::{Value, json};

use crate::prepared::Ready;

/// The label that names the session which made a thing.
const SESSION_LABEL: &str = "mptcp-kernels.session";
/// How long the engine may take for one answer.
const DEADLINE: Duration = Duration::from_secs(60);

/// All containers of a session, running or not, each as the engine inspects it.
pub(crate) fn containers(session: &str) -> Vec<Value> {
    let list = get(&format!(
        "/containers/json?all=true&filters={}",
        label_filter(session)
    ));
    let ids = list
        .as_array()
        .expect("a list of containers")
        .iter()
        .filter_map(|container| container["Id"].as_str());
    // One that goes between the two questions is gone.
    ids.map(|id| get(&format!("/containers/{id}/json")))
        .filter(|container| container["Id"].is_string())
        .collect()
}

/// The names of a session's volumes.
pub(crate) fn volumes(session: &str) -> Vec<String> {
    volume_names(&get(&format!("/volumes?filters={}", label_filter(session))))
}

fn volume_names(list: &Value) -> Vec<String> {
    let volumes = list["Volumes"].as_array().cloned().unwrap_or_default();
    volumes
        .iter()
        .filter_map(|volume| volume["Name"].as_str())
        .map(str::to_owned)
        .collect()
}

/// The names of all images.
pub(crate) fn images() -> Vec<String> {
    let list = get("/images/json?all=true");
    let tags = list
        .as_array()
        .expect("a list of images")
        .iter()
        .filter_map(|image| image["RepoTags"].as_array());
    tags.flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Removes an image, if it is there.
pub(crate) fn remove_image(name: &str) {
    ask("DELETE", &format!("/images/{name}?force=true"));
}

/// The names of all volumes.
pub(crate) fn all_volumes() -> Vec<String> {
    volume_names(&get("/volumes"))
}

/// Removes a volume, if it is there.
pub(crate) fn remove_volume(name: &str) {
    ask("DELETE", &format!("/volumes/{name}"));
}

/// Makes a volume in memory that everybody may write to, and that is full before anything is in it.
pub(crate) fn make_full_volume(name: &str) {
    let options = json!({"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=1777"});
    let volume = json!({"Name": name, "Driver": "local", "DriverOpts": options});
    ask_with("POST", "/volumes/create", Some(&volume));
}

/// What a container is for.
pub(crate) fn purpose(container: &Value) -> &str {
    let labels = &container["Config"]["Labels"];
    labels["mptcp-kernels.purpose"].as_str().unwrap_or_default()
}

/// Whether a container runs QEMU now.
pub(crate) fn runs_qemu(container: &Value) -> bool {
    container["State"]["Running"] == true && purpose(container) == "smoke"
}

/// Kills what runs in a container.
pub(crate) fn kill(id: &str) {
    ask("POST", &format!("/containers/{id}/kill"));
}

fn label_filter(session: &str) -> String {
    percent_encoded(&format!(r#"{{"label":["{SESSION_LABEL}={session}"]}}"#))
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn get(path: &str) -> Value {
    serde_json::from_str(&ask("GET", path)).unwrap_or(Value::Null)
}

/// One request in HTTP/1.0: the answer comes in one piece and ends with the connection.
fn ask(method: &str, path: &str) -> String {
    ask_with(method, path, None)
}

fn ask_with(method: &str, path: &str, body: Option<&Value>) -> String {
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let mut answer = Vec::new();
    let address = var("DOCKER_HOST").unwrap_or_default();
    if let Some(address) = address.strip_prefix("tcp://") {
        let stream = TcpStream::connect(address).expect("DOCKER_HOST answers");
        let deadline = stream.set_read_timeout(Some(DEADLINE));
        deadline.expect("a deadline can be set");
        exchange(stream, &request, &mut answer);
    } else {
        let stream = UnixStream::connect(socket()).expect("the engine's socket answers");
        let deadline = stream.set_read_timeout(Some(DEADLINE));
        deadline.expect("a deadline can be set");
        exchange(stream, &request, &mut answer);
    }
    let answer = String::from_utf8(answer).expect("the engine answers in UTF-8");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    body.unwrap_or_default().to_owned()
}

fn exchange(mut stream: impl Read + Write, request: &str, answer: &mut Vec<u8>) {
    stream
        .write_all(request.as_bytes())
        .expect("the engine takes requests");
    stream
        .read_to_end(answer)
        .expect("the engine answers in time");
}

/// The socket that the tool would use.
fn socket() -> PathBuf {
    if let Some(path) =
        var("DOCKER_HOST").and_then(|address| address.strip_prefix("unix://").map(PathBuf::from))
    {
        return path;
    }
    let own = var("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("podman/podman.sock"));
    let known = ["/var/run/docker.sock", "/run/podman/podman.sock"].map(PathBuf::from);
    known
        .into_iter()
        .chain(own)
        .find(|path| path.exists())
        .expect("an engine's socket")
}

#[test]
#[ignore = "needs a container engine"]
fn doctor_finds_nothing_missing_where_tests_run() {
    let run = Ready::new().scratch.xtask(&["doctor"]).expect_code(0);
    assert!(
        run.stdout.contains("engine          ok: "),
        "{}",
        run.text()
    );
}
