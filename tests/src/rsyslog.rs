//! rsyslog as a receiver: an independent implementation that takes syslog over mutual TLS and writes what it got.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpStream},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use quittance_testbed::certificates::Pki;

use crate::{Collector, Events, Scene, emulators::free_port, until};

/// An event in a file: its tag, and what it says.
pub type Parsed = (String, Vec<u8>);

/// A running rsyslog, killed when it is dropped.
pub struct Rsyslog {
    program: PathBuf,
    folder: PathBuf,
    child: Child,
    user: Option<User>,
    /// Its port, the same over all restarts.
    pub port: u16,
}

impl Rsyslog {
    /// Starts it on a free port with its files in `folder`, and waits until it listens.
    pub async fn start(program: &Path, folder: &Path, pki: &Pki) -> Result<Rsyslog> {
        Rsyslog::start_as(program, folder, pki, Asks::Certificate).await
    }

    /// The same, asking that of its clients.
    pub async fn start_as(program: &Path, folder: &Path, pki: &Pki, asks: Asks) -> Result<Rsyslog> {
        let port = free_port()?;
        fs::create_dir_all(folder)?;
        fs::write(folder.join("ca.crt"), pki.authority.pem())?;
        pki.server.write_to(folder, "server")?;
        fs::write(folder.join("rsyslog.conf"), configuration(folder, port, asks))?;
        File::create(folder.join("events.log"))?;
        let user = User::for_servers()?;
        if let Some(user) = &user {
            for file in fs::read_dir(folder)? {
                chown(file?.path(), Some(user.id), Some(user.group))?;
            }
            chown(folder, Some(user.id), Some(user.group))?;
            // Temporary folders are their owner's alone; the server must get through to its own.
            for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(std::env::temp_dir())) {
                if *above != *std::env::temp_dir() {
                    fs::set_permissions(above, fs::Permissions::from_mode(0o755))?;
                }
            }
        }
        let child = spawn(program, folder, user.as_ref())?;
        let mut started = Rsyslog { program: program.to_owned(), folder: folder.to_owned(), child, user, port };
        started.listens().await;
        Ok(started)
    }

    /// Dies at once (SIGKILL): what it has not written is lost.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        // Its own note that it runs, which it would believe.
        let _ = fs::remove_file(self.folder.join("pid"));
        Ok(())
    }

    /// Comes back on the same port, and writes on to the same file.
    pub async fn come_back(&mut self) -> Result<()> {
        // A line that was cut by its death is no event, even where its beginning looks like one.
        let path = self.folder.join("events.log");
        let written = fs::read(&path)?;
        let whole = written.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        File::options().write(true).open(&path)?.set_len(whole as u64)?;
        self.child = spawn(&self.program, &self.folder, self.user.as_ref())?;
        self.listens().await;
        Ok(())
    }

    /// The lines that it has written: each event as it came.
    pub fn lines(&self) -> Result<Vec<Vec<u8>>> {
        let bytes = fs::read(self.folder.join("events.log"))?;
        Ok(bytes.split_inclusive(|b| *b == b'\n').map(|line| line.trim_ascii_end().to_vec()).collect())
    }

    /// Is killed and comes back twice while `collector` delivers to it, after a fifth and after half of what must come. How
    /// many lines it had written by the kills, in sum.
    pub async fn killed_twice(&mut self, scene: &Scene, collector: &mut Collector) -> Result<usize> {
        let bytes = scene.expected.bytes();
        let mut written = 0;
        for part in [5, 2] {
            let enough = bytes / part;
            scene.until("rsyslog has written some", collector, |_| self.written() > enough).await;
            self.kill()?;
            written += self.lines()?.len();
            let doubts = collector.logged("destination does not confirm");
            let noticed = || collector.logged("destination does not confirm") > doubts;
            until("the collector notices", Duration::from_secs(10), noticed).await;
            self.come_back().await?;
        }
        Ok(written)
    }

    /// How many bytes it has written.
    pub fn written(&self) -> u64 {
        fs::metadata(self.folder.join("events.log")).map_or(0, |file| file.len())
    }

    /// The events in its lines, and the lines that are none.
    pub fn events(&self) -> Result<(Events, Vec<Vec<u8>>)> {
        self.events_by(parse)
    }

    /// The same for lines of another format.
    pub fn events_by(&self, parse: fn(&[u8]) -> Option<Parsed>) -> Result<(Events, Vec<Vec<u8>>)> {
        let (mut events, mut others) = (Events::default(), Vec::new());
        for line in self.lines()? {
            match parse(&line) {
                Some((tag, message)) => events.add(tag, message),
                None => others.push(line),
            }
        }
        Ok((events, others))
    }

    /// What it says of itself: refused certificates, above all.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("out.log")).unwrap_or_default()
    }

    async fn listens(&mut self) {
        until("rsyslog listens", Duration::from_secs(20), || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("rsyslog ended by itself: {status}\n{}", self.log());
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
        })
        .await;
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An event's tag and message in a line of its file: `<14>Mmm dd hh:mm:ss HOST TAG: MESSAGE`, and nothing else.
pub fn parse(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let rest = line.strip_prefix(b"<14>")?;
    let (date, rest) = rest.split_at_checked(15)?;
    let is_date = date.iter().enumerate().all(|(at, byte)| match at {
        0..3 => byte.is_ascii_alphabetic(),
        3 | 6 => *byte == b' ',
        9 | 12 => *byte == b':',
        4 => *byte == b' ' || byte.is_ascii_digit(),
        _ => byte.is_ascii_digit(),
    });
    let rest = rest.strip_prefix(b" collector ").filter(|_| is_date)?;
    let colon = rest.windows(2).position(|pair| pair == b": ")?;
    Some((String::from_utf8(rest[..colon].to_vec()).ok()?, rest[colon + 2..].to_vec()))
}

/// The same of a message by RFC 5424, as `type: syslog` writes it.
pub fn parse_rfc5424(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let rest = line.strip_prefix(b"<14>1 ")?;
    let mut fields = rest.splitn(4, |byte| *byte == b' ');
    let (time, host, app, rest) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let time: jiff::Timestamp = str::from_utf8(time).ok()?.parse().ok()?;
    let rest = rest.strip_prefix(b"- - [event@32473 tag=\"")?;
    let end = rest.windows(3).position(|three| three == b"\"] ")?;
    let (tag, message) = (&rest[..end], rest[end + 3..].strip_prefix(b"\xef\xbb\xbf")?);
    let is_ours = host == b"collector" && tag.starts_with(app) && (app.len() == 48 || app == tag);
    is_ours.then_some(())?;
    (time.as_second() > 1_700_000_000).then_some((String::from_utf8(tag.to_vec()).ok()?, message.to_vec()))
}

/// What it asks of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// TLS, with a certificate of its authority.
    Certificate,
    /// TLS, with a certificate or without.
    Tls,
    /// Nothing: plain TCP.
    Nothing,
}

/// Who runs a server that root starts.
struct User {
    id: u32,
    group: u32,
}

impl User {
    /// `nobody` if we are root; otherwise it is us.
    fn for_servers() -> Result<Option<User>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("cannot read the users")?;
        let line = users.lines().find(|line| line.starts_with("nobody:")).context("there is no user `nobody`")?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        match (fields.next(), fields.next()) {
            (Some(Ok(id)), Some(Ok(group))) => Ok(Some(User { id, group })),
            _ => anyhow::bail!("cannot read the user `nobody`"),
        }
    }
}

fn spawn(program: &Path, folder: &Path, user: Option<&User>) -> Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("out.log"))?;
    let mut command = Command::new(program);
    command.arg("-n").arg("-f").arg(folder.join("rsyslog.conf")).arg("-i").arg(folder.join("pid"));
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    if let Some(user) = user {
        command.uid(user.id).gid(user.group);
    }
    command.spawn().with_context(|| format!("cannot start `{}`", program.display()))
}

/// A direct queue and a flush for each transaction: when rsyslog ends a connection, what it read there is written.
fn configuration(folder: &Path, port: u16, asks: Asks) -> String {
    let driver = match asks {
        Asks::Certificate => r#"streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid""#,
        Asks::Tls => r#"streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon""#,
        Asks::Nothing => r#"streamDriver.name="ptcp" streamDriver.mode="0""#,
    };
    let folder = folder.display();
    format!(
        r#"global(
  workDirectory="{folder}"
  maxMessageSize="1m"
  parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{folder}/ca.crt"
  defaultNetstreamDriverCertFile="{folder}/server.crt"
  defaultNetstreamDriverKeyFile="{folder}/server.key"
)
module(load="imtcp" maxSessions="1000" {driver})
template(name="whole" type="string" string="%rawmsg:::drop-last-lf%\n")
ruleset(name="events" queue.type="Direct") {{
  action(type="omfile" file="{folder}/events.log" template="whole" flushOnTXEnd="on")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="events")
"#
    )
}
