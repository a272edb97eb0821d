//! Ready-made fields: paths, URLs, keys, and the description of shared records.

#![allow(clippy::unwrap_used)]

use gibbon_schema::json;
use gibbon_schema::testing::fact;
use gibbon_schema::typedefs::pem;
use gibbon_schema::typedefs::service_url;
use gibbon_schema::typedefs::text;
use rcgen::CertifiedKey;
use rcgen::KeyPair;

#[test]
fn normalises_paths_as_recorded() {
    let Some(golden) = fact("golden.json") else { return };
    for row in golden["normalize"].as_array().unwrap() {
        let (input, want) = (row["input"].as_str().unwrap(), row["normalized"].as_str().unwrap());
        assert_eq!(text::normalize(input), want, "{input}");
    }
}

#[test]
fn judges_router_paths() {
    for (path, want) in [
        ("/a/b", None),
        ("/a%20b", Some("non-normalized path, consider use '/a b' instead")),
        ("/a/./b", Some("non-normalized path, consider use '/a/b' instead")),
        ("/a%zz", Some("invalid url-encoded value: '%zz'")),
        ("/a%", Some("invalid url-encoded value: '%'")),
        ("/a%2fb", Some("non-normalized path, consider use '/a%2Fb' instead")),
        (r"~/a/\d+$", None),
    ] {
        assert_eq!(text::router_path(path).err().as_deref(), want, "{path}");
    }
    assert!(text::router_path("~/a(").unwrap_err().starts_with("invalid regex: '/a(' (PCRE returned: "));
}

#[test]
fn takes_service_urls_apart() {
    for (url, want) in [
        ("https://h.test/p", json!({ "protocol": "https", "host": "h.test", "port": 443, "path": "/p" })),
        ("http://h.test", json!({ "protocol": "http", "host": "h.test", "port": 80, "path": null })),
        ("//h.test:443", json!({ "protocol": "https", "host": "h.test", "port": 443, "path": null })),
        ("grpc://u:p@[::1]:9?q#f", json!({ "protocol": "grpc", "host": "::1", "port": 9, "path": null })),
        ("h.test", json!({ "protocol": "http", "host": null, "port": 80, "path": "h.test" })),
    ] {
        assert_eq!(json!(service_url().expand(&json!(url))), want, "{url}");
    }
}

#[test]
fn judges_certificates_and_keys() {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let (cert, key, other) = (cert.pem(), signing_key.serialize_pem(), KeyPair::generate().unwrap().serialize_pem());
    assert_eq!(pem::certificate(&cert), Ok(()));
    assert_eq!(pem::key(&key), Ok(()));
    assert_eq!(pem::public_key(&signing_key.public_key_pem()), Ok(()));
    for wrong in ["", "x", key.as_str(), &cert[..cert.len() / 2]] {
        assert!(pem::certificate(wrong).unwrap_err().starts_with("invalid certificate: x509.new: "), "{wrong}");
    }
    assert!(pem::key(&cert).unwrap_err().starts_with("invalid key: pkey.new:load_key: "));
    assert_eq!(pem::key_type(&cert), Some(pem::KeyType::Ecdsa));
    assert_eq!(pem::certificate_matches(&cert, &key, "no match"), Ok(()));
    assert_eq!(pem::certificate_matches(&cert, &other, "no match"), Err("no match".to_owned()));
}

#[test]
fn judges_pairs_of_keys() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_RSA_SHA256] {
        let (one, two) = (KeyPair::generate_for(algorithm).unwrap(), KeyPair::generate_for(algorithm).unwrap());
        let pair = |public: &KeyPair, private: &KeyPair| {
            pem::key_pair(&json!({ "public_key": public.public_key_pem(), "private_key": private.serialize_pem() }))
        };
        assert_eq!(pair(&one, &one), Ok(()), "{algorithm:?}");
        assert_eq!(pair(&one, &two), Err("public key does not match private key".to_owned()), "{algorithm:?}");
    }
    assert_eq!(pem::key_pair(&json!({ "public_key": "x" })), Err("could not load public key".to_owned()));
    assert_eq!(pem::key_pair(&json!({ "public_key": "x", "private_key": "{vault://env/k}" })), Ok(()));
}

#[test]
fn judges_jwks_of_keys() {
    let jwk = |jwk: &str| pem::jwk_of_key(json!({ "kid": "1", "jwk": jwk }).as_object().unwrap());
    for (text, want) in [
        ("{vault://env/jwk}", None),
        (r#"{"kid":"1","kty":"RSA","n":"AQ","e":"AQAB"}"#, None),
        (r#"{"kid":"1","kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}"#, None),
        ("nope", Some("could not json decode jwk string")),
        (r#"{"kid":"2"}"#, Some("kid in jwk.kid must be equal to keys.kid")),
        (r#"{"kid":"1","kty":"RSA"}"#, Some("could not load JWK, likely not a valid key")),
        (r#"{"kid":"1","kty":"EC","crv":"P-1","x":"AQ","y":"AQ"}"#, Some("could not load JWK, likely not a valid key")),
    ] {
        assert_eq!(jwk(text).err().as_deref(), want, "{text}");
    }
}
