//! `folkmoot exchange serve` as a person runs it: started, asked over HTTP, ended, started again.
//!
//! Neighbour: what it answers has its tests in `folkmoot-interop`.

#[path = "running/command.rs"]
mod command;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use command::{Folder, command, folkmoot};

/// A server, killed when it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(folder: &Folder, arguments: &[&str]) -> Server {
        Server::start_with(folder, arguments, "off")
    }

    /// With a log of that level.
    fn start_with(folder: &Folder, arguments: &[&str], log: &str) -> Server {
        let all = [&["exchange", "serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = command(folder, &all);
        let mut process = command
            .env("RUST_LOG", log)
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("READY ").unwrap_or_else(|| panic!("{line:?}")).trim().to_owned();
        Server { process, url }
    }

    /// The answer to a request, as it came.
    fn asks(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}");
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks it to end; its exit code, and what it said on standard error.
    fn stop(mut self) -> (Option<i32>, String) {
        let stopped = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.process.id())]).status();
        assert!(stopped.unwrap().success());
        let code = self.process.wait().unwrap().code();
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (code, said)
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

const ID: &str = r#"{\"uid\":\"6f1c1f5e-0a52-4c43-9d0e-000000000001\",\"name\":null,\"role\":\"agent\"}"#;

fn about() -> String {
    format!(r#"{{"mailbox":"{ID}","timeout":5}}"#)
}

fn message(tag: u32) -> String {
    format!(
        r#"{{"message":"{{\"header\":{{\"src\":{ID},\"dest\":{ID},\"tag\":\"6f1c1f5e-0a52-4c43-9d0e-{tag:012x}\",\"kind\":\"request\"}},\"body\":{{}}}}"}}"#
    )
}

#[test]
fn in_memory_it_says_so_and_ends_well_when_it_is_asked_to() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    assert!(server.asks("POST", "/mailbox", &about()).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(server.asks("GET", "/mailbox", &about()).ends_with(r#"{"status": "ACTIVE"}"#));
    let (code, said) = server.stop();
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}");
    assert!(said.contains("--data DIR"), "{said}");
}

#[test]
fn in_a_folder_mail_outlives_the_server_however_it_ends() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--data", "mail"]);
    server.asks("POST", "/mailbox", &about());
    for tag in 1..=3 {
        assert!(server.asks("PUT", "/message", &message(tag)).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    server.kill();
    let server = Server::start(&folder, &["--data", "mail"]);
    assert!(server.asks("GET", "/message", &about()).contains("000000000001\\\",\\\"kind"));
    let (code, said) = server.stop();
    assert_eq!((code, &*said), (Some(0), ""));
    let server = Server::start(&folder, &["--data", "mail"]);
    // What was read whole before the end does not come again.
    assert!(server.asks("GET", "/message", &about()).contains("000000000002\\\",\\\"kind"));
}

#[test]
fn a_stream_ends_like_any_other_when_the_server_is_killed() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--data", "mail"]);
    server.asks("POST", "/mailbox", &about());
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let about = about();
    let head = format!("GET /mailbox/listen HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", about.len());
    stream.write_all(format!("{head}{about}").as_bytes()).unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("retry: 20\r\n\r\n") {
        let mut piece = [0; 512];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..read]);
    }
    server.kill();
    stream.read_to_end(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    let (head, events) = said.split_once("\r\n\r\n").unwrap();
    // Neither chunks nor a length, so nothing is missing at the end: Academy's clients would give up for good.
    assert_eq!(events, "retry: 20\r\n\r\n");
    assert!(!head.contains("Transfer-Encoding") && !head.contains("Content-Length"), "{head}");
    // Nobody knows what comes after a stream.
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && head.contains("\r\nConnection: close\r\n"), "{head}");
}

#[cfg(unix)]
#[test]
fn its_counters_are_written_when_it_is_asked_for_them_and_to_the_log_when_it_ends() {
    let folder = Folder::new();
    let mut server = Server::start_with(&folder, &["--data", "mail"], "info");
    server.asks("POST", "/mailbox", &about());
    for tag in [1, 2, 2] {
        server.asks("PUT", "/message", &message(tag));
    }
    let mut said = BufReader::new(server.process.stderr.take().unwrap());
    let shown = Command::new("sh").args(["-c", &format!("kill -USR1 {}", server.process.id())]).status();
    assert!(shown.unwrap().success());
    let counted = [
        r#"folkmoot_door_requests_total{door="academy",node="mailroom",route="PUT /message",outcome="done"} 3"#,
        r#"folkmoot_mails_accepted_total{node="mailroom"} 2"#,
        r#"folkmoot_mails_repeated_total{node="mailroom"} 1"#,
    ];
    let mut missing: Vec<&str> = counted.to_vec();
    while !missing.is_empty() {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "{missing:?} are not told");
        missing.retain(|wanted| line.trim_end() != *wanted);
    }
    let stopped = Command::new("sh").args(["-c", &format!("kill -TERM {}", server.process.id())]).status();
    assert!(stopped.unwrap().success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(server.process.wait().unwrap().success());
    let last =
        rest.lines().find(|line| line.contains("the server has ended")).unwrap_or_else(|| panic!("{rest}"));
    assert!(counted.iter().all(|wanted| last.contains(wanted)), "{last}");
}

#[test]
fn what_cannot_be_served_is_told() {
    let folder = Folder::new();
    std::fs::write(folder.join("tokens.yaml"), "tokens:\n  12345678: ada\n").unwrap();
    for (arguments, words) in [
        (&["--listen", "nowhere"][..], "cannot listen on nowhere"),
        (&["--auth", "tokens.yaml"], "tokens.yaml, line 2: "),
        (&["--auth", "none.yaml"], "cannot read none.yaml"),
        (&["--tls", "none"], "cert.pem"),
        (&["--listen-timeout", "0"], "more than 0"),
        (&["--max-message", "9999999"], "1048576"),
    ] {
        // Memory is told of first, so the failure is the second line.
        let all = [&["exchange", "serve", "--data", "mail", "--listen", "127.0.0.1:0"], arguments].concat();
        let all: Vec<&str> = match arguments[0] {
            "--listen" => [&["exchange", "serve", "--data", "mail"], arguments].concat(),
            _ => all,
        };
        let told = folkmoot(&folder, &all).fails();
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
    folkmoot(&folder, &["exchange", "serve", "--listen-timeout", "soon"]).misunderstands();
}

/// Streams at once; half as many as connections may be.
#[cfg(target_os = "linux")]
const STREAMS: u32 = 10_000;

/// What a stream that waits may take of the server's memory, in bytes.
#[cfg(target_os = "linux")]
const STREAM_BYTES: u64 = 48 << 10;

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_idle_streams_take_little_memory_and_nobody_elses_time() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        allowed > u64::from(STREAMS) + 100,
        "this test opens {STREAMS} connections; `ulimit -n` must be higher"
    );
    let folder = Folder::new();
    let server = Server::start(&folder, &["--listen-timeout", "3600"]);
    let before = resident_bytes(&server);
    let address = server.url.strip_prefix("http://").unwrap();
    let mut streams: Vec<TcpStream> = (0..STREAMS)
        .map(|number| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
            for request in ["POST /mailbox", "GET /mailbox/listen"] {
                let about =
                    about().replace("000000000001", &format!("{:012}", number + 2)).replace("5}", "3600}");
                let length = about.len();
                let head = format!("{request} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all(format!("{head}{about}").as_bytes()).unwrap();
                let mut answer = [0; 512];
                let read = stream.read(&mut answer).unwrap();
                assert!(
                    answer[..read].starts_with(b"HTTP/1.") && answer[..read].get(8..15) == Some(b" 200 OK"),
                    "{}",
                    String::from_utf8_lossy(&answer[..read])
                );
            }
            stream
        })
        .collect();
    let each = resident_bytes(&server).saturating_sub(before) / u64::from(STREAMS);
    assert!(each < STREAM_BYTES, "a stream takes {each} bytes");
    // Whoever asks is answered, and each stream is served.
    server.asks("POST", "/mailbox", &about());
    assert!(server.asks("PUT", "/message", &message(1)).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(server.asks("GET", "/message", &about()).contains("000000000001\\\",\\\"kind"));
    for number in [0, STREAMS / 2, STREAMS - 1] {
        let to = format!("{:012}", number + 2);
        assert!(
            server
                .asks("PUT", "/message", &message(7).replace("000000000001", &to))
                .starts_with("HTTP/1.1 200 OK\r\n")
        );
        let (stream, mut events) = (&mut streams[number as usize], Vec::new());
        while !String::from_utf8_lossy(&events).contains(&to) {
            let mut piece = [0; 1024];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "the stream ended");
            events.extend_from_slice(&piece[..read]);
        }
    }
    // They all go at once, and nothing of it is left.
    drop(streams);
    assert!(server.asks("GET", "/mailbox", &about()).ends_with(r#"{"status": "ACTIVE"}"#));
    assert_eq!(server.stop().0, Some(0));
}

/// What is resident of the server.
#[cfg(target_os = "linux")]
fn resident_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
