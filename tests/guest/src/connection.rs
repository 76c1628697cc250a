//! A connection between client and server, and content that goes over it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocol::{Counters, Direction, End, Family};
use socket2::Socket;

use crate::clock::Deadline;
use crate::error::{Attempt, Error, Result};
use crate::line::Line;
use crate::network::{self, Host, Network};
use crate::stream::{self, Comparison};
use crate::sysctls::{Held, held, with};

const PORT: u16 = 5001;
const CONNECT: Duration = Duration::from_secs(5);
/// How long a second subflow may take to come.
const JOIN_SECONDS: u64 = 5;
const CHUNK: usize = 128 << 10;

/// Both ends of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The end that connected.
    pub(crate) client: Channel,
    /// The end that listened.
    pub(crate) server: Channel,
    /// A subflow joins by the listening socket, so that has to stay open.
    _listener: Channel,
    /// What subflows come by.
    _settings: Vec<Held>,
}

impl Connection {
    /// Connects over link 0. The ends in `mptcp` speak MPTCP and may have a second subflow. The calling thread
    /// is in the initial namespace, as long as the connection lives.
    pub(crate) fn open(
        network: &Network,
        line: &dyn Line,
        family: Family,
        mptcp: &[End],
    ) -> Result<Self> {
        let settings = held(line.settings())?;
        Self::open_with(settings, network, line, family, mptcp)
    }

    /// The same with other settings.
    pub(crate) fn open_with(
        settings: Vec<Held>,
        network: &Network,
        line: &dyn Line,
        family: Family,
        mptcp: &[End],
    ) -> Result<Self> {
        let socket = |end, host: &Host| {
            host.namespace.run(|| {
                if !mptcp.contains(&end) {
                    return line.plain_socket(family);
                }
                let second = network::address(family, end, 1);
                match end {
                    End::Client => line.prepare_client(second)?,
                    End::Server => line.prepare_server(second)?,
                }
                line.socket(family)
            })
        };
        let settings_of = |end| {
            if mptcp.contains(&end) {
                &[]
            } else {
                line.plain_settings()
            }
        };
        let address = SocketAddr::new(network::address(family, End::Server, 0), PORT).into();
        let listener = with(settings_of(End::Server), || {
            let listener = socket(End::Server, &network.server)?;
            let outcome = listener.bind(&address).and_then(|()| listener.listen(1));
            outcome.attempt("listen")?;
            Channel::new(listener)
        })?;
        let client = with(settings_of(End::Client), || {
            let client = socket(End::Client, &network.client)?;
            let outcome = client.connect_timeout(&address, CONNECT);
            outcome.attempt("connect")?;
            Channel::new(client)
        })?;
        listener
            .wait(PollFlags::POLLIN, &Limit::seconds(JOIN_SECONDS))
            .attempt("accept")?;
        let (server, _) = listener.socket.accept().attempt("accept")?;
        Ok(Self {
            client,
            server: Channel::new(server)?,
            _listener: listener,
            _settings: settings,
        })
    }

    /// Exchanges a greeting, because a subflow joins an established connection only, and waits for the
    /// second subflow. Whether it came.
    pub(crate) fn wait_for_second_subflow(
        &self,
        network: &Network,
        line: &dyn Line,
    ) -> Result<bool> {
        let limit = Limit::seconds(JOIN_SECONDS);
        for (from, to) in [(&self.client, &self.server), (&self.server, &self.client)] {
            from.write(b"?", &limit).attempt("greet")?;
            to.read(&mut [0], &limit).attempt("be greeted")?;
        }
        let mut joined = false;
        limit.deadline.poll(Duration::from_millis(2), || {
            let counters = counters(network, line).unwrap_or_default();
            joined = line.joined(End::Client, &counters.client)
                && line.joined(End::Server, &counters.server);
            joined
        });
        Ok(joined)
    }

    /// The end that data in a direction comes from and the end that it goes to.
    pub(crate) fn ends(&self, direction: Direction) -> (&Channel, &Channel) {
        match direction {
            Direction::Up => (&self.client, &self.server),
            Direction::Down => (&self.server, &self.client),
        }
    }
}

/// The MPTCP counters of both ends.
pub(crate) fn counters(network: &Network, line: &dyn Line) -> Result<Counters> {
    Ok(Counters {
        client: network.client.namespace.run(|| line.counters())?,
        server: network.server.namespace.run(|| line.counters())?,
    })
}

/// Until when something may take, unless it is stopped before.
#[derive(Debug)]
pub(crate) struct Limit {
    /// Until when.
    pub(crate) deadline: Deadline,
    stopped: AtomicBool,
}

impl Limit {
    /// This many seconds from now.
    pub(crate) fn seconds(seconds: u64) -> Self {
        Self {
            deadline: Deadline::after(seconds),
            stopped: AtomicBool::new(false),
        }
    }

    /// Stops what waits.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::new("stopped, because the other end failed"));
        }
        if self.deadline.passed() {
            return Err(Error::new("timed out"));
        }
        Ok(())
    }
}

/// An end of a connection. Its socket belongs to the namespace that it was opened in, so any thread may use
/// it.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: Socket,
}

impl Channel {
    fn new(socket: Socket) -> Result<Self> {
        socket
            .set_nonblocking(true)
            .attempt("stop a socket from blocking")?;
        Ok(Self { socket })
    }

    fn wait(&self, events: PollFlags, limit: &Limit) -> Result<()> {
        // Short, so that a limit is noticed.
        const PAUSE: u8 = 100;
        loop {
            limit.check()?;
            match poll(
                &mut [PollFd::new(self.socket.as_fd(), events)],
                PollTimeout::from(PAUSE),
            ) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error).attempt("poll"),
            }
        }
    }

    /// The name of its congestion control.
    pub(crate) fn congestion_control(&self) -> Result<String> {
        let name = self.socket.tcp_congestion();
        let name = name.attempt("ask a socket for its congestion control")?;
        let text = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Reads some bytes; none at the end of the stream.
    pub(crate) fn read(&self, buffer: &mut [u8], limit: &Limit) -> Result<usize> {
        loop {
            match (&self.socket).read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(PollFlags::POLLIN, limit)?;
                }
                outcome => return outcome.attempt("read from a socket"),
            }
        }
    }

    /// Writes all bytes.
    pub(crate) fn write(&self, mut bytes: &[u8], limit: &Limit) -> Result<()> {
        while !bytes.is_empty() {
            match (&self.socket).write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(PollFlags::POLLOUT, limit)?;
                }
                Err(error) => return Err(error).attempt("write to a socket"),
            }
        }
        Ok(())
    }

    /// Sends the first `length` bytes of a stream.
    pub(crate) fn send(&self, seed: u64, length: u64, limit: &Limit) -> Result<()> {
        let mut buffer = vec![0; CHUNK];
        let mut position = 0;
        while position < length {
            let chunk = chunk(&mut buffer, length - position);
            stream::fill(seed, position, chunk);
            self.write(chunk, limit)
                .attempt(format_args!("send after {position} bytes"))?;
            position += chunk.len() as u64;
        }
        Ok(())
    }

    /// Receives until `length` bytes of a stream were compared.
    pub(crate) fn receive(
        &self,
        comparison: &mut Comparison,
        length: u64,
        limit: &Limit,
    ) -> Result<()> {
        let mut buffer = vec![0; CHUNK];
        while comparison.position < length {
            let what = format_args!("receive after {} bytes", comparison.position).to_string();
            let chunk = chunk(&mut buffer, length - comparison.position);
            match self.read(chunk, limit).attempt(&what)? {
                0 => return Err(Error::new(format!("{what}: the stream ended"))),
                read => comparison.take(&mut chunk[..read]),
            }
        }
        Ok(())
    }

    /// Ends the stream to the other end; what comes from there still does.
    pub(crate) fn close(&self) -> Result<()> {
        self.socket
            .shutdown(Shutdown::Write)
            .attempt("close a stream")
    }

    /// Waits for the end of the stream, after `position` bytes of it.
    pub(crate) fn receive_end(&self, position: u64, limit: &Limit) -> Result<()> {
        let what =
            format_args!("wait for the end of the stream after {position} bytes").to_string();
        match self.read(&mut vec![0; CHUNK], limit).attempt(&what)? {
            0 => Ok(()),
            more => Err(Error::new(format!("{what}: {more} more came"))),
        }
    }

    /// Returns what comes until that were `length` bytes.
    pub(crate) fn echo(&self, length: u64, limit: &Limit) -> Result<()> {
        let mut buffer = vec![0; CHUNK];
        let mut position = 0;
        while position < length {
            match self.read(&mut buffer, limit)? {
                0 => {
                    return Err(Error::new(format!(
                        "return what comes: the stream ended after {position} bytes"
                    )));
                }
                read => {
                    self.write(&buffer[..read], limit)?;
                    position += read as u64;
                }
            }
        }
        Ok(())
    }
}

/// The part of a buffer for what is left to do.
fn chunk(buffer: &mut [u8], left: u64) -> &mut [u8] {
    let length = usize::try_from(left)
        .unwrap_or(usize::MAX)
        .min(buffer.len());
    &mut buffer[..length]
}

/// Runs something while others work on threads of their own; stops them if it fails. The error tells what
/// became of all that failed.
pub(crate) fn with_threads<T>(
    limit: &Limit,
    others: &[&(dyn Fn() -> Result<()> + Sync)],
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for other in others {
            threads.push(
                thread::Builder::new()
                    .spawn_scoped(scope, other)
                    .attempt("start a thread"),
            );
        }
        let mut outcome = work();
        if outcome.is_err() {
            limit.stop();
        }
        for thread in threads {
            let other = thread.and_then(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(Error::new("a thread panicked")))
            });
            outcome = match (outcome, other) {
                (outcome, Ok(())) => outcome,
                (Ok(_), Err(error)) => Err(error),
                (Err(first), Err(error)) => Err(Error::new(format!("{first}; {error}"))),
            };
        }
        outcome
    })
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    fn pair() -> (Channel, Channel) {
        let (left, right) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        (Channel::new(left).unwrap(), Channel::new(right).unwrap())
    }

    #[test]
    fn a_closed_stream_ends_in_one_direction() {
        let (left, right) = pair();
        let limit = Limit::seconds(5);
        left.send(1, 1000, &limit).unwrap();
        left.close().unwrap();
        let mut comparison = Comparison::new(1, None);
        right.receive(&mut comparison, 1000, &limit).unwrap();
        right.receive_end(1000, &limit).unwrap();
        right.write(b"!", &limit).unwrap();
        assert_eq!(left.read(&mut [0; 2], &limit).unwrap(), 1);
    }

    #[test]
    fn a_stream_that_does_not_end_where_it_should_is_noticed() {
        let (left, right) = pair();
        let limit = Limit::seconds(5);
        left.send(1, 1007, &limit).unwrap();
        left.close().unwrap();
        let mut comparison = Comparison::new(1, None);
        right.receive(&mut comparison, 1000, &limit).unwrap();
        let error = right.receive_end(1000, &limit).unwrap_err().to_string();
        assert!(error.contains("after 1000 bytes: 7 more came"), "{error}");

        let (_open, right) = pair();
        let error = right.receive_end(9, &Limit::seconds(0)).unwrap_err();
        assert!(error.to_string().contains("timed out"), "{error}");
    }
}
