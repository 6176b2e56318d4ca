//! Who owns which field: server-side apply and what others write.

use sei_tasks::world::Kind;
use serde_json::{Value, json};

use super::objects::{applied, by_mesh, created, map, semantic, service, set};
use super::steps::Act::{Apply, Edit};
use super::steps::Expect::{Conflict, Generation, Has, Lacks, Managers, Newer, Same};
use super::steps::Place;
use super::steps::{Semantic, Step};

pub(crate) fn ownership() -> Vec<Semantic> {
    vec![
        semantic("the same apply again changes nothing", |at| {
            vec![applied(at, json!({"a": "1"}), vec![]), applied(at, json!({"a": "1"}), vec![Same])]
        }),
        semantic("an apply of what was created shares it, which is a change", |at| {
            vec![
                created(at, json!({"a": "1"})),
                applied(
                    at,
                    json!({"a": "1"}),
                    vec![Newer, Managers(&["seinode-controller/Apply", "seinode-controller/Update"])],
                ),
            ]
        }),
        semantic("what is no longer applied goes", |at| {
            vec![
                applied(at, json!({"a": "1", "b": "1"}), vec![]),
                applied(at, json!({"a": "1"}), vec![Newer, Lacks("/data/b"), Has("/data/a", json!("1"))]),
            ]
        }),
        semantic("what others edited in stays", |at| {
            let theirs = json!({"data": {"c": "1"}, "metadata": {"labels": {"d": "1"}}});
            let stays = vec![Has("/data", json!({"b": "1", "c": "1"})), Has("/metadata/labels/d", json!("1"))];
            vec![
                applied(at, json!({"a": "1"}), vec![]),
                Step(Edit(Kind::ConfigMap, theirs), vec![Newer]),
                applied(at, json!({"b": "1"}), stays),
            ]
        }),
        semantic("what others applied stays", |at| {
            vec![
                applied(at, json!({"a": "1"}), vec![]),
                Step(by_mesh(map(at, json!({"b": "1"})), Kind::ConfigMap, false), vec![Newer]),
                applied(at, json!({"c": "1"}), vec![Has("/data", json!({"b": "1", "c": "1"}))]),
            ]
        }),
        semantic("what another applied to the same value stays when one lets go", |at| {
            vec![
                applied(at, json!({"a": "1", "b": "1"}), vec![]),
                Step(by_mesh(map(at, json!({"a": "1"})), Kind::ConfigMap, false), vec![Newer]),
                applied(at, json!({"b": "1"}), vec![Has("/data", json!({"a": "1", "b": "1"}))]),
            ]
        }),
        semantic("an apply to another value conflicts", |at| {
            vec![
                applied(at, json!({"a": "1"}), vec![]),
                Step(by_mesh(map(at, json!({"a": "2"})), Kind::ConfigMap, false), vec![Conflict, Same]),
            ]
        }),
        semantic("a forced apply takes a field over", |at| {
            vec![
                applied(at, json!({"a": "1", "b": "1"}), vec![]),
                Step(by_mesh(map(at, json!({"a": "2"})), Kind::ConfigMap, true), vec![Has("/data/a", json!("2"))]),
                applied(at, json!({"b": "1"}), vec![Has("/data/a", json!("2"))]),
            ]
        }),
        semantic("an edit of an applied field is taken back", |at| {
            let edit = json!({"data": {"a": "2"}});
            vec![
                applied(at, json!({"a": "1"}), vec![]),
                Step(Edit(Kind::ConfigMap, edit), vec![Has("/data/a", json!("2"))]),
                applied(at, json!({"a": "1"}), vec![Newer, Has("/data/a", json!("1"))]),
            ]
        }),
        semantic("an edited field that is no longer applied stays with who edited it", |at| {
            vec![
                applied(at, json!({"a": "1", "b": "1"}), vec![]),
                Step(Edit(Kind::ConfigMap, json!({"data": {"a": "2"}})), vec![Newer]),
                applied(at, json!({"b": "1"}), vec![Has("/data/a", json!("2"))]),
            ]
        }),
        semantic("an applied field that others removed comes back", |at| {
            vec![
                applied(at, json!({"a": "1", "b": "1"}), vec![]),
                Step(Edit(Kind::ConfigMap, json!({"data": {"a": null}})), vec![Lacks("/data/a")]),
                applied(at, json!({"a": "1", "b": "1"}), vec![Has("/data/a", json!("1"))]),
            ]
        }),
        semantic("an edit that changes nothing is none", |at| {
            let nothing = json!({"data": {"a": "1"}});
            vec![applied(at, json!({"a": "1"}), vec![]), Step(Edit(Kind::ConfigMap, nothing), vec![Same])]
        }),
        semantic("finalizers are a set with owners", |at| {
            let with = |at: &Place, finalizers: Value| {
                at.object(Kind::ConfigMap, json!({ "metadata": { "finalizers": finalizers } }))
            };
            let both = Has("/metadata/finalizers", json!(["x.io/b", "x.io/c"]));
            vec![
                Step(Apply(Kind::ConfigMap, with(at, json!(["x.io/a", "x.io/b"]))), vec![]),
                Step(by_mesh(with(at, json!(["x.io/c"])), Kind::ConfigMap, false), vec![]),
                Step(Apply(Kind::ConfigMap, with(at, json!(["x.io/b"]))), vec![both]),
            ]
        }),
        semantic("containers and their variables are maps by name", |at| {
            let seid =
                |image: &str| json!([{ "name": "seid", "image": image, "env": [{ "name": "A", "value": "1" }] }]);
            let theirs = json!({ "template": { "spec": { "containers": [
                { "name": "seid", "env": [{ "name": "B", "value": "2" }] },
            ] } } });
            let theirs = at.object(Kind::StatefulSet, json!({ "spec": theirs }));
            let env = json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }]);
            vec![
                Step(Apply(Kind::StatefulSet, set(at, seid("sei:v1"))), vec![]),
                Step(by_mesh(theirs, Kind::StatefulSet, false), vec![]),
                Step(
                    Apply(Kind::StatefulSet, set(at, seid("sei:v2"))),
                    vec![
                        Has("/spec/template/spec/containers/0/image", json!("sei:v2")),
                        Has("/spec/template/spec/containers/0/env", env),
                    ],
                ),
            ]
        }),
        semantic("a container that is no longer applied goes with its defaults", |at| {
            let two = json!([{ "name": "seid", "image": "sei:v1" }, { "name": "exporter", "image": "exporter:v1" }]);
            let one = json!([{ "name": "seid", "image": "sei:v1" }]);
            vec![
                Step(Apply(Kind::StatefulSet, set(at, two)), vec![Generation(1)]),
                Step(
                    Apply(Kind::StatefulSet, set(at, one)),
                    vec![Generation(2), Lacks("/spec/template/spec/containers/1")],
                ),
            ]
        }),
        semantic("a probe that is no longer applied goes with its defaults", |at| {
            let probe = json!({ "httpGet": { "path": "/", "port": 1 } });
            let with = json!([{ "name": "seid", "image": "sei:v1", "readinessProbe": probe }]);
            let without = json!([{ "name": "seid", "image": "sei:v1" }]);
            let seconds = "/spec/template/spec/containers/0/readinessProbe/timeoutSeconds";
            vec![
                Step(Apply(Kind::StatefulSet, set(at, with)), vec![Has(seconds, json!(1))]),
                Step(
                    Apply(Kind::StatefulSet, set(at, without)),
                    vec![Lacks("/spec/template/spec/containers/0/readinessProbe")],
                ),
            ]
        }),
        semantic("a scaled set is scaled back by an apply", |at| {
            let one = json!([{ "name": "seid", "image": "sei:v1" }]);
            let apply = || Apply(Kind::StatefulSet, set(at, one.clone()));
            let scaled = json!({"spec": {"replicas": 1, "minReadySeconds": 7}});
            vec![
                Step(apply(), vec![Generation(1)]),
                Step(Edit(Kind::StatefulSet, scaled), vec![Generation(2), Has("/spec/replicas", json!(1))]),
                Step(
                    apply(),
                    vec![Generation(3), Has("/spec/replicas", json!(0)), Has("/spec/minReadySeconds", json!(7))],
                ),
            ]
        }),
        semantic("ports are a map by number and protocol", |at| {
            let both = json!([
                { "name": "a", "port": 1, "protocol": "TCP", "targetPort": 1 },
                { "name": "b", "port": 1, "protocol": "UDP", "targetPort": 1 },
            ]);
            let theirs = at
                .object(Kind::Service, json!({ "spec": { "ports": [{ "name": "b", "port": 1, "protocol": "UDP" }] } }));
            vec![
                Step(Apply(Kind::Service, service(at, json!([{ "name": "a", "port": 1 }]))), vec![]),
                Step(by_mesh(theirs, Kind::Service, false), vec![Has("/spec/ports", both)]),
            ]
        }),
    ]
}
