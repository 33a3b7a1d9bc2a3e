//! The second key, sealed: a text in the age format that only the holder of the private key can open.
//!
//! The format is <https://c2sp.org/age>, one X25519 recipient and one piece of at most 64 KiB; the program `age` opens it.

use super::super::work::Class;
use super::failure::{Failure, Outcome};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, hmac};

/// Letters of a bech32 text, each worth its place.
const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// The longest secret that is sealed: one piece of the format.
const MOST: usize = 64 * 1024;

/// Seals a secret to a public key, `age1…`, as base64.
pub fn seal(recipient: &str, secret: &[u8]) -> Outcome<String> {
    let public = public_key(recipient).ok_or_else(|| {
        Failure::order(format!("The escrow's public key `{recipient}` is no age X25519 recipient: `age1` and 58 more letters."))
    })?;
    if secret.len() > MOST {
        return Err(Failure::order("The escrow's password is too long."));
    }
    sealed(&public, secret).ok_or_else(|| Failure::new(Class::Other, "The escrow's password could not be sealed."))
}

fn sealed(public: &[u8; 32], secret: &[u8]) -> Option<String> {
    let random = SystemRandom::new();
    let (mut file_key, mut nonce) = ([0; 16], [0; 16]);
    random.fill(&mut file_key).ok()?;
    random.fill(&mut nonce).ok()?;
    let own = EphemeralPrivateKey::generate(&X25519, &random).ok()?;
    let share = own.compute_public_key().ok()?;
    let salt = [share.as_ref(), public].concat();
    // A public key of low order gives a shared secret of zeros, which ring refuses.
    let wrap =
        agree_ephemeral(own, &UnparsedPublicKey::new(&X25519, public), |shared| derive(&salt, shared, b"age-encryption.org/v1/X25519"))
            .ok()??;
    let body = encrypt(&wrap, [0; 12], &file_key)?;
    let header =
        format!("age-encryption.org/v1\n-> X25519 {}\n{}\n---", STANDARD_NO_PAD.encode(share.as_ref()), STANDARD_NO_PAD.encode(body));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &derive(&[], &file_key, b"header")?), header.as_bytes());
    // The first piece is the last one.
    let mut last = [0; 12];
    last[11] = 1;
    let payload = encrypt(&derive(&nonce, &file_key, b"payload")?, last, secret)?;
    let mut whole = format!("{header} {}\n", STANDARD_NO_PAD.encode(mac)).into_bytes();
    whole.extend(nonce);
    whole.extend(payload);
    Some(STANDARD.encode(whole))
}

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

fn derive(salt: &[u8], from: &[u8], purpose: &[u8]) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(from).expand(&[purpose], Length).ok()?.fill(&mut key).ok()?;
    Some(key)
}

fn encrypt(key: &[u8; 32], nonce: [u8; 12], plain: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).ok()?);
    let mut text = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).ok()?;
    Some(text)
}

/// The key in a bech32 text with the beginning `age`, if its checksum is right.
fn public_key(recipient: &str) -> Option<[u8; 32]> {
    let values: Vec<u32> = recipient
        .strip_prefix("age1")?
        .chars()
        .map(|letter| LETTERS.find(letter).and_then(|at| u32::try_from(at).ok()))
        .collect::<Option<_>>()?;
    let prefix = b"age".map(u32::from);
    let expanded = prefix.iter().map(|byte| byte >> 5).chain([0]).chain(prefix.iter().map(|byte| byte & 31));
    if expanded.chain(values.iter().copied()).fold(1, checksum) != 1 {
        return None;
    }
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for value in values.iter().take(values.len().checked_sub(6)?) {
        held = held << 5 | value;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
        held &= (1 << bits) - 1;
    }
    // What is left over is filling, of zeros.
    if held != 0 { None } else { bytes.try_into().ok() }
}

fn checksum(sum: u32, value: u32) -> u32 {
    let top = sum >> 25;
    let mixed = (sum & 0x01ff_ffff) << 5 ^ value;
    let generator = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    generator.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(mixed, |sum, (_, with)| sum ^ with)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the format's own description.
    const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

    #[test]
    fn a_recipient_with_one_wrong_letter_is_refused() {
        assert!(public_key(RECIPIENT).is_some());
        for at in 4..RECIPIENT.len() {
            let mut wrong = RECIPIENT.to_owned();
            let other = if &wrong[at..=at] == "q" { "p" } else { "q" };
            wrong.replace_range(at..=at, other);
            assert_eq!(seal(&wrong, b"x").unwrap_err().class, Class::Order, "{wrong}");
        }
        assert!(public_key("").is_none() && public_key("age1").is_none());
    }

    /// That it opens is shown with the program `age` in tests/runner.
    #[test]
    fn it_is_sealed_anew_each_time() {
        let (one, two) = (seal(RECIPIENT, b"secret").unwrap(), seal(RECIPIENT, b"secret").unwrap());
        assert_ne!(one, two);
        let plain = STANDARD.decode(one).unwrap();
        assert!(plain.starts_with(b"age-encryption.org/v1\n-> X25519 "));
        assert!(!plain.windows(6).any(|window| window == b"secret"));
    }
}
