//! Specs of all modes and features, and what people and programs do to them: seeded, so that a number names a case.

use serde_json::{Map, Value, json};

use sei_tasks::sim::Random;

/// One object, or one object and what it is changed to. Without metadata, and without `spec` where that was removed.
pub(crate) struct Case {
    pub(crate) old: Option<Value>,
    pub(crate) new: Value,
}

/// The case of a number: creates are even, updates are odd.
pub(crate) fn case(number: u64) -> Case {
    let mut random = Random::of(number);
    let mut object = json!({ "spec": spec(&mut random) });
    let old = (number % 2 == 1).then(|| object.clone());
    let edits = if old.is_some() { 1 + random.below(2) } else { random.below(3) };
    for _ in 0..edits {
        // A person means something; a slip hits anything.
        if old.is_some() && !random.once_in(4) {
            intend(&mut object, &mut random)
        } else {
            slip(&mut object, &mut random)
        }
    }
    Case { old, new: object }
}

/// A name that few others share.
fn name(random: &mut Random, stem: &str) -> Value {
    format!("{stem}-{}", random.below(3)).into()
}

const MODES: [&str; 4] = ["fullNode", "archive", "replayer", "validator"];

/// A spec that ours accepts, save for rare accidents such as two Secrets of one name.
fn spec(random: &mut Random) -> Value {
    let mut spec = Map::new();
    spec.insert("chainId".to_owned(), "c-1".into());
    spec.insert("image".to_owned(), name(random, "seid"));
    let name = *random.pick(&MODES);
    spec.insert(name.to_owned(), mode(name, random));
    if name == "replayer" || random.once_in(4) {
        spec.insert("peers".to_owned(), (0..=random.below(2)).map(|_| peer(random)).collect());
    }
    type Feature = fn(&mut Random) -> Value;
    let features: [(&str, u64, Feature); 5] = [
        ("sidecar", 2, sidecar),
        ("dataVolume", 2, data_volume),
        ("overrides", 9, |_| json!({"evm.http_port": "8545"})),
        ("podLabels", 9, |_| json!({"team": "a"})),
        ("entrypoint", 6, |_| json!({"command": ["seid"], "args": ["start"]})),
    ];
    for (name, times, feature) in features {
        if random.once_in(times) {
            spec.insert(name.to_owned(), feature(random));
        }
    }
    Value::Object(spec)
}

fn mode(name: &str, random: &mut Random) -> Value {
    let mut mode = match name {
        "replayer" => json!({"snapshot": {"s3": {"targetHeight": 1 + random.below(9)}}}),
        "validator" => validator(random),
        _ => json!({}),
    };
    if ["fullNode", "validator"].contains(&name) && random.once_in(3) {
        mode["snapshot"] = snapshot(random);
    }
    if ["fullNode", "archive"].contains(&name) && random.once_in(4) {
        mode["snapshotGeneration"] = json!({"tendermint": {"keepRecent": 2, "publish": {}}});
    }
    if name == "replayer" && random.once_in(3) {
        mode["resultExport"] = json!({"shadowResult": {"canonicalRpc": "http://rpc"}});
    }
    mode
}

fn snapshot(random: &mut Random) -> Value {
    match random.below(3) {
        0 => json!({"stateSync": {}, "trustPeriod": "9999h0m0s", "backfillBlocks": 10}),
        1 => json!({"s3": {"targetHeight": 100}}),
        _ => json!({"s3": {"targetHeight": 100}, "bootstrapImage": "seid-boot"}),
    }
}

fn validator(random: &mut Random) -> Value {
    let mut validator = json!({});
    if random.once_in(5) {
        let ceremony = json!({"chainId": "c-1", "stakingAmount": "1usei", "accountBalance": "2usei", "index": 0});
        validator["genesisCeremony"] = ceremony;
    }
    if !random.once_in(3) {
        validator["signingKey"] = json!({"secret": {"secretName": name(random, "sign")}});
        validator["nodeKey"] = json!({"secret": {"secretName": name(random, "node")}});
    }
    if random.once_in(2) {
        let passphrase = json!({"secretName": name(random, "pass"), "key": "passphrase"});
        let secret = json!({"secretName": name(random, "ring"), "passphraseSecretRef": passphrase});
        validator["operatorKeyring"] = json!({ "secret": secret });
    }
    validator
}

fn peer(random: &mut Random) -> Value {
    match random.below(3) {
        0 => json!({"static": {"addresses": ["ab@peer:26656"]}}),
        1 => json!({"label": {"selector": {"role": "seed"}, "namespace": "other"}}),
        _ => json!({"ec2Tags": {"region": "eu-central-1", "tags": {"role": "seed"}}}),
    }
}

fn sidecar(random: &mut Random) -> Value {
    let mut sidecar = json!({});
    if random.once_in(3) {
        sidecar["port"] = json!(7000 + random.below(3));
    }
    if random.once_in(4) {
        sidecar["resources"] = json!({"limits": {"memory": "1Gi", "cpu": 2}, "claims": [{"name": "a"}, {"name": "b"}]});
    }
    if !random.once_in(3) {
        sidecar["tls"] = tls(random);
    }
    sidecar
}

fn tls(random: &mut Random) -> Value {
    match random.below(8) {
        0 => json!({"issuerName": name(random, "issuer")}),
        1 => json!({"issuerName": name(random, "issuer"), "issuerKind": "Issuer"}),
        _ => json!({"secretName": name(random, "tls")}),
    }
}

fn data_volume(random: &mut Random) -> Value {
    match random.below(4) {
        0 => json!({"retainOnDelete": true}),
        1 => json!({"import": {"pvcName": name(random, "pvc")}, "retainOnDelete": false}),
        _ => json!({"import": {"pvcName": name(random, "pvc")}}),
    }
}

/// An edit that somebody could mean, allowed or not.
fn intend(object: &mut Value, random: &mut Random) {
    const REMOVED: [&str; 11] = [
        "/spec/dataVolume",
        "/spec/dataVolume/import",
        "/spec/validator",
        "/spec/validator/signingKey",
        "/spec/validator/nodeKey",
        "/spec/validator/operatorKeyring",
        "/spec/sidecar",
        "/spec/sidecar/tls",
        "/spec/sidecar/port",
        "/spec/peers",
        "/spec/fullNode/snapshot",
    ];
    let Some(spec) = object.get_mut("spec").filter(|spec| spec.is_object()) else { return };
    match random.below(14) {
        0 => spec["image"] = name(random, "seid"),
        1 => change_mode(spec, random),
        2 => spec["dataVolume"] = data_volume(random),
        3 => spec["sidecar"] = sidecar(random),
        4 => set_inside(spec, "/sidecar", "tls", tls(random)),
        5 => set_inside(spec, "/dataVolume", "retainOnDelete", other_type(random)),
        6 => set_inside(spec, "/sidecar/tls", "issuerName", name(random, "issuer")),
        7 => set_inside(spec, "/sidecar/tls", "issuerKind", json!(random.pick(&["Issuer", "Vault"]))),
        8 | 9 if spec.get("validator").is_some() => spec["validator"] = validator(random),
        10 if spec.get("validator").is_some() => lose_both_keys(spec),
        11 if random.once_in(4) => remove(object, "/spec"),
        _ => {
            // What is there, if anything of it is.
            let present: Vec<&str> = REMOVED.into_iter().filter(|path| object.pointer(path).is_some()).collect();
            if let Some(removed) = present.get(random.index(present.len().max(1))) {
                remove(object, removed);
            }
        }
    }
}

fn change_mode(spec: &mut Value, random: &mut Random) {
    for name in MODES {
        remove(spec, &format!("/{name}"));
    }
    let name = *random.pick(&MODES);
    spec[name] = mode(name, random);
}

fn lose_both_keys(spec: &mut Value) {
    remove(spec, "/validator/signingKey");
    remove(spec, "/validator/nodeKey");
}

fn set_inside(spec: &mut Value, parent: &str, name: &str, value: Value) {
    if let Some(Value::Object(fields)) = spec.pointer_mut(parent) {
        fields.insert(name.to_owned(), value);
    }
}

/// Something goes wrong at any one place.
fn slip(object: &mut Value, random: &mut Random) {
    let mut places = Vec::new();
    pointers("", object, &mut places);
    let Some(place) = places.get(random.index(places.len().max(1))).cloned() else { return };
    match random.below(9) {
        0 => remove(object, &place),
        1 => rename(object, &place, random),
        2 => add_field(object, &place, random),
        3 => replace(object, &place, other_type(random)),
        _ => {
            let value = object.pointer(&place).map(|value| out_of_bounds(value, random));
            value.into_iter().for_each(|value| replace(object, &place, value));
        }
    }
}

/// JSON pointers to everything inside a value. Names with a slash do not occur.
fn pointers(path: &str, value: &Value, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, field)| (format!("{path}/{name}"), field)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, item)| (format!("{path}/{i}"), item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (path, value) in inner {
        pointers(&path, value, found);
        found.push(path);
    }
}

fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.remove(name)),
        Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
        _ => {}
    }
}

fn replace(object: &mut Value, pointer: &str, value: Value) {
    *object.pointer_mut(pointer).unwrap() = value;
}

/// A typo in a field's name, or a name of the neighbourhood.
fn rename(object: &mut Value, pointer: &str, random: &mut Random) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(fields)) = object.pointer_mut(parent) {
        let value = fields.remove(name).unwrap();
        let typo = format!("{name}s");
        fields.insert((*random.pick(&[typo.as_str(), "issuerName", "secretName", "s3"])).to_owned(), value);
    }
}

fn add_field(object: &mut Value, pointer: &str, random: &mut Random) {
    const FIELDS: [&str; 10] = [
        "nonsense",
        "fullNode",
        "archive",
        "issuerName",
        "issuerKind",
        "secretName",
        "retainOnDelete",
        "stateSync",
        "signingKey",
        "static",
    ];
    if let Some(Value::Object(fields)) = object.pointer_mut(pointer) {
        let value = [json!({}), json!("text"), json!(true), Value::Null];
        fields.insert((*random.pick(&FIELDS)).to_owned(), random.pick(&value).clone());
    }
}

fn other_type(random: &mut Random) -> Value {
    let values =
        [Value::Null, json!(true), json!(7), json!(1.5), json!("text"), json!("7"), json!([]), json!({}), json!([{}])];
    random.pick(&values).clone()
}

/// A value of the same type at or behind a bound.
fn out_of_bounds(value: &Value, random: &mut Random) -> Value {
    match value {
        Value::Null | Value::Bool(_) => json!(false),
        Value::Number(_) => {
            let numbers = [
                json!(0),
                json!(-1),
                json!(1),
                json!(1.0),
                json!(i32::MAX),
                json!(2_147_483_648_i64),
                json!(i64::MAX),
                json!(-7e3),
            ];
            random.pick(&numbers).clone()
        }
        Value::String(_) => {
            let lengths = [0, 1, 64, 65, 253, 254, 512, 513];
            let length = usize::try_from(*random.pick(&lengths)).unwrap();
            let texts = ["a".repeat(length), "ä".repeat(length.min(64)), "No_Name".to_owned(), "-a".to_owned()];
            Value::String(random.pick(&texts).clone())
        }
        Value::Array(items) => match random.below(3) {
            0 => json!([]),
            1 => items.iter().chain(items).cloned().collect(),
            _ => items.iter().cycle().take(if items.is_empty() { 0 } else { 65 }).cloned().collect(),
        },
        Value::Object(_) => json!({}),
    }
}
