//! Asking the kernel over netlink, and the messages of generic netlink.
//!
//! The kernel handles a request while it is sent, so the answer is there at once; the sockets do not
//! block, so a missing answer is an error and not a hang.

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable, Nla, NlaBuffer,
    NlasIterator,
};
use netlink_sys::{Socket, SocketAddr, protocols};
use nix::errno::Errno;

use crate::error::{Attempt, Error, Result};

/// A netlink socket. It belongs to the network namespace of the thread that opened it, for good.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: Socket,
}

impl Netlink {
    /// Opens one for links, addresses, routes, rules and queues.
    pub(crate) fn route() -> Result<Self> {
        Self::open(protocols::NETLINK_ROUTE)
    }

    /// Opens one for generic netlink.
    pub(crate) fn generic() -> Result<Self> {
        Self::open(protocols::NETLINK_GENERIC)
    }

    fn open(protocol: isize) -> Result<Self> {
        let socket = Socket::new(protocol)
            .and_then(|mut socket| {
                socket.bind_auto()?;
                socket.connect(&SocketAddr::new(0, 0))?;
                socket.set_non_blocking(true)?;
                Ok(socket)
            })
            .attempt("open a netlink socket")?;
        Ok(Self { socket })
    }

    /// Sends a request of which nothing but an acknowledgement is the answer.
    pub(crate) fn tell(
        &self,
        what: &str,
        message: impl NetlinkSerializable,
        flags: u16,
    ) -> Result<()> {
        self.send(what, message, flags)?;
        self.answers::<Nothing>(what).map(drop)
    }

    /// Sends a request and returns what the kernel answers, its acknowledgement excepted. `flags` are
    /// `NLM_F_*`; `what` is for the error.
    pub(crate) fn ask<M>(&self, what: &str, message: M, flags: u16) -> Result<Vec<M>>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        self.send(what, message, flags)?;
        self.answers(what)
    }

    fn send(&self, what: &str, message: impl NetlinkSerializable, flags: u16) -> Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0).attempt(what)?;
        Ok(())
    }

    fn answers<M: NetlinkDeserializable>(&self, what: &str) -> Result<Vec<M>> {
        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full().attempt(what)?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<M>::deserialize(rest)
                    .map_err(|error| Error::new(format!("{what}: read the answer: {error}")))?;
                let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
                match message.payload {
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answers),
                    NetlinkPayload::Error(error) => {
                        return Err(Errno::from_raw(-error.raw_code())).attempt(what);
                    }
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    _ => {}
                }
            }
        }
    }

    /// The number of a family of generic netlink, by its name.
    pub(crate) fn family(&self, name: &str) -> Result<u16> {
        let request = Generic {
            family: GENL_ID_CTRL,
            command: CTRL_CMD_GETFAMILY,
            version: 2,
            attributes: vec![text(CTRL_ATTR_FAMILY_NAME, name)],
        };
        let what = format!("find the generic netlink family {name}");
        let answers = self.ask(&what, request, 0)?;
        let number = answers
            .iter()
            .flat_map(|answer| &answer.attributes)
            .find_map(|attribute| {
                let value: [u8; 2] = bytes(attribute).try_into().ok()?;
                (attribute.kind() == CTRL_ATTR_FAMILY_ID).then_some(u16::from_ne_bytes(value))
            });
        number.ok_or_else(|| Error::new(format!("{what}: no number in the answer")))
    }
}

/// Stands for an answer that nobody reads; code that could would be much of the program.
struct Nothing;

impl NetlinkDeserializable for Nothing {
    type Error = DecodeError;

    fn deserialize(_header: &NetlinkHeader, _payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}

// linux/genetlink.h
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// A message of generic netlink: `struct genlmsghdr` and attributes.
#[derive(Debug)]
pub(crate) struct Generic {
    /// The number of the family.
    pub(crate) family: u16,
    /// The command.
    pub(crate) command: u8,
    /// The version of the family.
    pub(crate) version: u8,
    /// The attributes.
    pub(crate) attributes: Vec<DefaultNla>,
}

const HEADER: usize = 4;

impl NetlinkSerializable for Generic {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        HEADER + self.attributes.as_slice().buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let (header, attributes) = buffer.split_at_mut(HEADER);
        header.copy_from_slice(&[self.command, self.version, 0, 0]);
        self.attributes.as_slice().emit(attributes);
    }
}

impl NetlinkDeserializable for Generic {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let [command, version, _, _, attributes @ ..] = payload else {
            return Err(DecodeError::from("generic netlink header too short"));
        };
        let attributes = NlasIterator::new(attributes)
            .map(|attribute| {
                let attribute: NlaBuffer<&[u8]> = attribute?;
                Ok(DefaultNla::new(
                    attribute.kind(),
                    attribute.value().to_vec(),
                ))
            })
            .collect::<Result<_, DecodeError>>()?;
        Ok(Self {
            family: header.message_type,
            command: *command,
            version: *version,
            attributes,
        })
    }
}

/// The value of an attribute.
fn bytes(attribute: &DefaultNla) -> Vec<u8> {
    let mut value = vec![0; attribute.value_len()];
    attribute.emit_value(&mut value);
    value
}

/// An attribute that is text, which ends with a zero.
fn text(kind: u16, value: &str) -> DefaultNla {
    let mut value = value.as_bytes().to_vec();
    value.push(0);
    DefaultNla::new(kind, value)
}
