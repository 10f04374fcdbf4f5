//! The framing of WebSocket (RFC 6455, section 5), a server's side.

use bytes::{Buf as _, Bytes, BytesMut};

/// The largest message: section 11 of the runtime contract.
pub(crate) const MAX_MESSAGE: usize = 16 * 1024 * 1024;
const MAX_CONTROL: usize = 125;

const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Text(String),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    /// The code that was given, 1005 where none was.
    Close(u16),
}

/// Why a connection is closed, as a close code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub(crate) u16);

const PROTOCOL: Violation = Violation(1002);
const NO_UTF8: Violation = Violation(1007);
const TOO_LONG: Violation = Violation(1009);
/// Stands for a close without a code; never sent.
pub(crate) const NO_CODE: u16 = 1005;

/// Makes messages of bytes as they come.
#[derive(Default)]
pub(crate) struct Decoder {
    bytes: BytesMut,
    /// A message that comes in several frames: its kind and what is there.
    begun: Option<(u8, BytesMut)>,
}

struct Frame {
    last: bool,
    opcode: u8,
    payload: BytesMut,
}

struct Head {
    last: bool,
    opcode: u8,
    length: usize,
    /// Bytes of the head, the mask included.
    size: usize,
}

impl Decoder {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message or control frame, where it is there.
    pub(crate) fn next(&mut self) -> Result<Option<Received>, Violation> {
        while let Some(frame) = self.frame()? {
            match frame.opcode {
                PING => return Ok(Some(Received::Ping(frame.payload.freeze()))),
                PONG => return Ok(Some(Received::Pong)),
                CLOSE => return close(&frame.payload).map(Some),
                _ => {}
            }
            if let Some(message) = self.data(frame)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn data(&mut self, frame: Frame) -> Result<Option<Received>, Violation> {
        let (kind, payload) = match (frame.opcode, self.begun.take()) {
            (CONTINUATION, Some((kind, mut message))) => {
                message.extend_from_slice(&frame.payload);
                (kind, message)
            }
            (TEXT | BINARY, None) => (frame.opcode, frame.payload),
            _ => return Err(PROTOCOL),
        };
        if !frame.last {
            self.begun = Some((kind, payload));
            return Ok(None);
        }
        if kind == BINARY {
            return Ok(Some(Received::Binary(payload.freeze())));
        }
        let text = String::from_utf8(payload.into()).map_err(|_| NO_UTF8)?;
        Ok(Some(Received::Text(text)))
    }

    fn frame(&mut self) -> Result<Option<Frame>, Violation> {
        let Some(head) = head(&self.bytes)? else {
            return Ok(None);
        };
        let begun = self.begun.as_ref().map_or(0, |(_, message)| message.len());
        if head.opcode < CLOSE && begun + head.length > MAX_MESSAGE {
            return Err(TOO_LONG);
        }
        let whole = head.size + head.length;
        if self.bytes.len() < whole {
            self.bytes.reserve(whole - self.bytes.len());
            return Ok(None);
        }
        self.bytes.advance(head.size - 4);
        let mask = self.bytes.split_to(4);
        let mut payload = self.bytes.split_to(head.length);
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[index % 4];
        }
        Ok(Some(Frame {
            last: head.last,
            opcode: head.opcode,
            payload,
        }))
    }
}

fn head(bytes: &[u8]) -> Result<Option<Head>, Violation> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
    let reserved = first & 0x70 != 0;
    let unmasked = second & 0x80 == 0;
    if reserved || unmasked || !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
        return Err(PROTOCOL);
    }
    let short = usize::from(second & 0x7f);
    if opcode >= CLOSE && (short > MAX_CONTROL || !last) {
        return Err(PROTOCOL);
    }
    let more = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(extended) = rest.get(..more) else {
        return Ok(None);
    };
    let number = extended
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let length = if more == 0 { short as u64 } else { number };
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_MESSAGE);
    let length = length.ok_or(TOO_LONG)?;
    let size = 2 + more + 4;
    let there = bytes.len() >= size;
    Ok(there.then_some(Head {
        last,
        opcode,
        length,
        size,
    }))
}

fn close(payload: &[u8]) -> Result<Received, Violation> {
    match payload {
        [] => Ok(Received::Close(NO_CODE)),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !is_sendable(code) {
                return Err(PROTOCOL);
            }
            std::str::from_utf8(reason).map_err(|_| NO_UTF8)?;
            Ok(Received::Close(code))
        }
        [_] => Err(PROTOCOL),
    }
}

/// Whether a close frame may carry this code.
pub(crate) fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// One whole frame without a mask, as a server sends it.
pub(crate) fn encode(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(0x80 | opcode);
    match payload.len() {
        length @ 0..=125 => frame.push(length as u8),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// A close frame; the reason is cut to what a control frame holds.
pub(crate) fn encode_close(code: u16, reason: &str) -> Vec<u8> {
    if code == NO_CODE {
        return encode(CLOSE, &[]);
    }
    let room = MAX_CONTROL - 2;
    let end = (0..=reason.len().min(room))
        .rev()
        .find(|at| reason.is_char_boundary(*at));
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end.unwrap_or(0)]);
    encode(CLOSE, &payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = encode(first & 0x0f, payload);
        frame[0] = first;
        frame[1] |= 0x80;
        let size = frame.len() - payload.len();
        let mask = [1, 2, 3, 4];
        let hidden = payload
            .iter()
            .enumerate()
            .map(|(index, byte)| byte ^ mask[index % 4]);
        let mut whole = frame[..size].to_vec();
        whole.extend_from_slice(&mask);
        whole.extend(hidden);
        whole
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Received>, Violation> {
        let mut decoder = Decoder::default();
        let mut all = Vec::new();
        // Byte by byte, as the worst network would.
        for byte in bytes {
            decoder.feed(&[*byte]);
            while let Some(received) = decoder.next()? {
                all.push(received);
            }
        }
        Ok(all)
    }

    #[test]
    fn messages_of_every_length_of_head() {
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; size];
            let received = decode(&masked(0x82, &payload)).unwrap();
            assert_eq!(received, [Received::Binary(Bytes::from(payload))]);
        }
    }

    #[test]
    fn a_message_in_pieces_with_a_ping_in_between() {
        let bytes = [
            masked(0x01, "gr".as_bytes()),
            masked(0x89, b"now"),
            masked(0x00, &[0xc3]),
            masked(0x80, &[0xbc]),
        ]
        .concat();
        let wanted = [
            Received::Ping(Bytes::from_static(b"now")),
            Received::Text("grü".to_owned()),
        ];
        assert_eq!(decode(&bytes).unwrap(), wanted);
    }

    #[test]
    fn violations_have_their_codes() {
        let code = |bytes: &[u8]| decode(bytes).unwrap_err().0;
        assert_eq!(code(&encode(TEXT, b"x")), 1002);
        assert_eq!(code(&masked(0xc1, b"x")), 1002);
        assert_eq!(code(&masked(0x83, b"x")), 1002);
        assert_eq!(code(&masked(0x09, b"x")), 1002);
        assert_eq!(code(&masked(0x80, b"x")), 1002);
        assert_eq!(code(&masked(0x89, &[0; 126])), 1002);
        assert_eq!(code(&[masked(0x01, b"x"), masked(0x01, b"y")].concat()), 1002);
        assert_eq!(code(&masked(0x81, &[0xc3, 0x28])), 1007);
        assert_eq!(code(&masked(0x88, &1005_u16.to_be_bytes())), 1002);
        assert_eq!(code(&masked(0x88, &[3])), 1002);
        let mut long = vec![0x82, 0xff];
        long.extend_from_slice(&(MAX_MESSAGE as u64 + 1).to_be_bytes());
        assert_eq!(code(&long), 1009);
    }

    #[test]
    fn closes_carry_code_and_reason() {
        assert_eq!(decode(&masked(0x88, &[])).unwrap(), [Received::Close(NO_CODE)]);
        let frame = encode_close(4001, &"ä".repeat(100));
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert_eq!(encode_close(NO_CODE, "x"), [0x88, 0]);
    }
}
