//! What an API server does: a row a semantic. A row that a real server does not do is wrong, however we rely on it.

use sei_tasks::world::Kind;
use serde_json::{Value, json};

use super::objects::{applied, by_mesh, claim, created, job, lease, map, new_node, node, semantic, service, set};
use super::ownership::ownership;
use super::steps::Act::{Apply, ApplyKnowing, Create, Delete, Edit, EditStatus, PatchMetadata, WriteStatus};
use super::steps::Expect::{
    Conflict, Exists, Generation, Gone, Has, Lacks, Leaving, Managers, Newer, NotFound, Refused, Same,
};
use super::steps::{Act, Expect, Known, Place, Semantic, Step};

pub(crate) fn semantics() -> Vec<Semantic> {
    [creation(), preconditions(), deletion(), ownership(), seinodes(), statuses(), built_in()]
        .into_iter()
        .flatten()
        .collect()
}

const OTHER_UID: Expect = Refused(422, "metadata.uid: Invalid value");

fn creation() -> Vec<Semantic> {
    vec![
        semantic("a second create finds the first", |at| {
            vec![
                created(at, json!({"a": "1"})),
                Step(Create(Kind::ConfigMap, map(at, json!({"a": "2"}))), vec![Exists, Same]),
            ]
        }),
        semantic("a second create is judged before the first is found", |at| {
            let bare = at.object(Kind::SeiNode, json!({ "spec": { "chainId": "pacific-1", "fullNode": {} } }));
            vec![
                new_node(at),
                Step(Create(Kind::SeiNode, bare), vec![Refused(422, "spec.image: Required value"), Same]),
            ]
        }),
        semantic("an object of another namespace is refused", |at| {
            let mut other = map(at, json!({}));
            other["metadata"]["namespace"] = json!("elsewhere");
            vec![Step(Create(Kind::ConfigMap, other), vec![Refused(400, ""), Gone])]
        }),
        semantic("a create belongs to its manager, as an update", |at| {
            vec![Step(
                Create(Kind::ConfigMap, map(at, json!({"a": "1"}))),
                vec![Managers(&["seinode-controller/Update"])],
            )]
        }),
        semantic("an apply makes what is not there", |at| {
            vec![applied(at, json!({"a": "1"}), vec![Newer, Managers(&["seinode-controller/Apply"])])]
        }),
    ]
}

fn preconditions() -> Vec<Semantic> {
    vec![
        semantic("an apply with a uid makes nothing new", |at| {
            let object = map(at, json!({}));
            vec![Step(
                ApplyKnowing { kind: Kind::ConfigMap, object, uid: Some(Known::Other), version: None },
                vec![Conflict, Gone],
            )]
        }),
        semantic("an apply with the uid of another object is refused, and no conflict", |at| {
            let object = map(at, json!({"a": "2"}));
            let other = ApplyKnowing { kind: Kind::ConfigMap, object, uid: Some(Known::Other), version: None };
            vec![created(at, json!({"a": "1"})), Step(other, vec![OTHER_UID, Same])]
        }),
        semantic("an apply with the uid of this object is done", |at| {
            let object = map(at, json!({"a": "2"}));
            let own = ApplyKnowing { kind: Kind::ConfigMap, object, uid: Some(Known::Live), version: None };
            vec![created(at, json!({"a": "1"})), Step(own, vec![Newer, Has("/data/a", json!("2"))])]
        }),
        semantic("a lease applied with a stale version conflicts", |at| {
            let object = lease(at, "b");
            let stale = ApplyKnowing { kind: Kind::Lease, object, uid: None, version: Some(Known::Other) };
            vec![Step(Create(Kind::Lease, lease(at, "a")), vec![]), Step(stale, vec![Conflict, Same])]
        }),
        semantic("a lease applied with its version changes hands", |at| {
            let object = lease(at, "b");
            let fresh = ApplyKnowing { kind: Kind::Lease, object, uid: None, version: Some(Known::Live) };
            let taken = Has("/spec/holderIdentity", json!("b"));
            vec![Step(Create(Kind::Lease, lease(at, "a")), vec![]), Step(fresh, vec![Newer, taken])]
        }),
        semantic("a patch of metadata with a stale version conflicts", |at| {
            let patch = json!({"labels": {"a": "b"}});
            let (uid, version) = (Known::Live, Known::Other);
            let stale = PatchMetadata { kind: Kind::ConfigMap, uid, version, patch };
            vec![created(at, json!({})), Step(stale, vec![Conflict, Same])]
        }),
        semantic("a patch of metadata with another uid is refused, and no conflict", |at| {
            let patch = json!({"labels": {"a": "b"}});
            let (uid, version) = (Known::Other, Known::Live);
            let other = PatchMetadata { kind: Kind::ConfigMap, uid, version, patch };
            vec![created(at, json!({})), Step(other, vec![OTHER_UID, Same])]
        }),
        semantic("a patch of metadata with another uid and a stale version conflicts", |at| {
            let patch = json!({"labels": {"a": "b"}});
            let (uid, version) = (Known::Other, Known::Other);
            let other = PatchMetadata { kind: Kind::ConfigMap, uid, version, patch };
            vec![created(at, json!({})), Step(other, vec![Conflict, Same])]
        }),
        semantic("a patch of metadata of what is gone finds nothing", |_| {
            let patch = json!({"labels": {"a": "b"}});
            let (uid, version) = (Known::Other, Known::Other);
            vec![Step(PatchMetadata { kind: Kind::ConfigMap, uid, version, patch }, vec![NotFound])]
        }),
        semantic("a patch of metadata leaves the rest", |at| {
            let patch = json!({"labels": {"a": "b"}, "finalizers": null});
            let (uid, version) = (Known::Live, Known::Live);
            let good = PatchMetadata { kind: Kind::ConfigMap, uid, version, patch };
            let expected = vec![Newer, Has("/metadata/labels", json!({"a": "b"})), Has("/data/a", json!("1"))];
            vec![created(at, json!({"a": "1"})), Step(good, expected)]
        }),
    ]
}

fn held(at: &Place) -> Step {
    let metadata = json!({ "finalizers": ["sei.io/test"] });
    Step(Create(Kind::ConfigMap, at.object(Kind::ConfigMap, json!({ "metadata": metadata }))), vec![])
}

fn deleted() -> Act {
    Delete(Kind::ConfigMap, Known::Live)
}

fn patched(patch: Value) -> Act {
    PatchMetadata { kind: Kind::ConfigMap, uid: Known::Live, version: Known::Live, patch }
}

fn deletion() -> Vec<Semantic> {
    vec![
        semantic("a delete with the uid of another object conflicts", |at| {
            vec![created(at, json!({})), Step(Delete(Kind::ConfigMap, Known::Other), vec![Conflict, Same])]
        }),
        semantic("a delete with its uid takes an object away", |at| {
            vec![created(at, json!({})), Step(deleted(), vec![Gone])]
        }),
        semantic("a delete of what is gone is no error", |_| vec![Step(deleted(), vec![Gone])]),
        semantic("a finalizer holds an object until it goes", |at| {
            vec![
                held(at),
                Step(deleted(), vec![Leaving, Newer]),
                Step(patched(json!({ "finalizers": null })), vec![Gone]),
            ]
        }),
        semantic("a second delete changes nothing", |at| {
            vec![held(at), Step(deleted(), vec![Leaving]), Step(deleted(), vec![Leaving, Same])]
        }),
        semantic("what is leaving gets no new finalizer", |at| {
            let more = patched(json!({ "finalizers": ["sei.io/test", "sei.io/more"] }));
            let refused = Refused(422, "no new finalizers can be added if the object is being deleted");
            vec![held(at), Step(deleted(), vec![Leaving]), Step(more, vec![refused, Same])]
        }),
        semantic("a delete is a new generation of a node that is held", |at| {
            let metadata = json!({ "finalizers": ["sei.io/test"] });
            let mut held = node(at, json!({}));
            held["metadata"]["finalizers"] = metadata["finalizers"].clone();
            vec![
                Step(Create(Kind::SeiNode, held), vec![Generation(1)]),
                Step(Delete(Kind::SeiNode, Known::Live), vec![Leaving, Generation(2)]),
                Step(
                    PatchMetadata {
                        kind: Kind::SeiNode,
                        uid: Known::Live,
                        version: Known::Live,
                        patch: json!({ "finalizers": null }),
                    },
                    vec![Gone],
                ),
            ]
        }),
    ]
}

fn seinodes() -> Vec<Semantic> {
    vec![
        semantic("a node gets the defaults of its definition", |at| {
            let with = Create(Kind::SeiNode, node(at, json!({"sidecar": {}})));
            vec![Step(with, vec![Has("/spec/sidecar/port", json!(7777))])]
        }),
        semantic("unknown fields and nulls of a node are dropped", |at| {
            let odd = node(at, json!({"nonsense": 1, "overrides": {"a": "b", "c": null}, "archive": null}));
            let kept = Has("/spec/overrides", json!({"a": "b"}));
            vec![Step(Create(Kind::SeiNode, odd), vec![Lacks("/spec/nonsense"), Lacks("/spec/archive"), kept])]
        }),
        semantic("a new node has no status, whatever it says", |at| {
            let mut with = node(at, json!({}));
            with["status"] = json!({"phase": "Running"});
            vec![Step(Create(Kind::SeiNode, with), vec![Lacks("/status")])]
        }),
        semantic("a node of two modes is refused by a rule", |at| {
            let two = node(at, json!({"archive": {}}));
            vec![Step(Create(Kind::SeiNode, two), vec![Refused(422, "exactly one of fullNode"), Gone])]
        }),
        semantic("a node without an image is refused by the schema", |at| {
            let bare = at.object(Kind::SeiNode, json!({ "spec": { "chainId": "pacific-1", "fullNode": {} } }));
            vec![Step(Create(Kind::SeiNode, bare), vec![Refused(422, "spec.image: Required value"), Gone])]
        }),
        semantic("a claim that is imported stays that claim", |at| {
            let imported = node(at, json!({"dataVolume": {"import": {"pvcName": "a"}}}));
            let other = json!({"spec": {"dataVolume": {"import": {"pvcName": "b"}}}});
            let refused = Refused(422, "spec.dataVolume.import.pvcName");
            vec![Step(Create(Kind::SeiNode, imported), vec![]), Step(Edit(Kind::SeiNode, other), vec![refused, Same])]
        }),
        semantic("an edit of the spec is a new generation", |at| {
            let edit = Edit(Kind::SeiNode, json!({"spec": {"image": "sei:v2"}}));
            vec![new_node(at), Step(edit, vec![Generation(2), Newer])]
        }),
        semantic("an annotation is no new generation", |at| {
            let edit = Edit(Kind::SeiNode, json!({"metadata": {"annotations": {"a": "b"}}}));
            vec![new_node(at), Step(edit, vec![Generation(1), Newer])]
        }),
        semantic("an edit leaves the status", |at| {
            let edit = Edit(Kind::SeiNode, json!({"status": {"phase": "Running"}}));
            vec![new_node(at), Step(edit, vec![Same, Lacks("/status")])]
        }),
        semantic("an edit that only adds an unknown field changes nothing", |at| {
            vec![new_node(at), Step(Edit(Kind::SeiNode, json!({"spec": {"nonsense": 1}})), vec![Same])]
        }),
        semantic("a rule holds for an apply of others too", |at| {
            let two = at.object(Kind::SeiNode, json!({ "spec": { "archive": {} } }));
            vec![
                new_node(at),
                Step(by_mesh(two, Kind::SeiNode, true), vec![Refused(422, "exactly one of fullNode"), Same]),
            ]
        }),
    ]
}

fn statuses() -> Vec<Semantic> {
    vec![
        semantic("a write of status is a new version and no new generation", |at| {
            let write = WriteStatus(Known::Live, json!({"phase": "Pending"}));
            vec![new_node(at), Step(write, vec![Newer, Generation(1), Has("/status/phase", json!("Pending"))])]
        }),
        semantic("a write of status with a stale version conflicts", |at| {
            let write = WriteStatus(Known::Other, json!({"phase": "Pending"}));
            vec![new_node(at), Step(write, vec![Conflict, Same])]
        }),
        semantic("the same status again changes nothing", |at| {
            let write = || WriteStatus(Known::Live, json!({"phase": "Pending"}));
            vec![new_node(at), Step(write(), vec![Newer]), Step(write(), vec![Same])]
        }),
        semantic("what a new status lacks goes", |at| {
            let first = json!({"phase": "Pending", "currentImage": "sei:v1"});
            vec![
                new_node(at),
                Step(WriteStatus(Known::Live, first), vec![Has("/status/currentImage", json!("sei:v1"))]),
                Step(WriteStatus(Known::Live, json!({"phase": "Pending"})), vec![Lacks("/status/currentImage")]),
            ]
        }),
        semantic("what another manager wrote into a status goes, too", |at| {
            let time = "2026-01-01T00:00:00Z";
            let plan =
                json!({"id": "a", "phase": "Failed", "tasks": [], "failedPhase": "Failed", "failedTaskIndex": 1});
            let condition = |kind: &str| json!({"type": kind, "status": "True", "reason": "A", "message": "", "lastTransitionTime": time});
            let theirs = json!({"status": {
                "phase": "Running", "currentImage": "sei:v1", "plan": plan, "resolvedPeers": ["a"],
                "conditions": [condition("SidecarReady"), condition("NodeUpdateInProgress")],
            }});
            let ours = json!({
                "phase": "Running", "plan": {"id": "b", "phase": "Active", "tasks": []},
                "conditions": [condition("SidecarReady")],
            });
            vec![
                new_node(at),
                Step(EditStatus(theirs), vec![Has("/status/plan/failedTaskIndex", json!(1))]),
                Step(
                    WriteStatus(Known::Live, ours),
                    vec![
                        Lacks("/status/currentImage"),
                        Lacks("/status/resolvedPeers"),
                        Lacks("/status/plan/failedPhase"),
                        Lacks("/status/plan/failedTaskIndex"),
                        Lacks("/status/conditions/1"),
                        Has("/status/plan/id", json!("b")),
                    ],
                ),
            ]
        }),
        semantic("a condition without a reason is refused", |at| {
            let time = "2026-01-01T00:00:00Z";
            let bad = json!({"phase": "Pending", "conditions": [
                {"type": "Ready", "status": "True", "reason": "", "message": "", "lastTransitionTime": time},
            ]});
            vec![
                new_node(at),
                Step(WriteStatus(Known::Live, bad), vec![Refused(422, "status.conditions[0].reason"), Same]),
            ]
        }),
    ]
}

fn built_in() -> Vec<Semantic> {
    vec![
        semantic("a set gets its defaults", |at| {
            let seid = json!([{ "name": "seid", "image": "sei:v1", "ports": [{ "containerPort": 1 }] }]);
            let retain = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
            vec![Step(
                Apply(Kind::StatefulSet, set(at, seid)),
                vec![
                    Has("/spec/podManagementPolicy", json!("OrderedReady")),
                    Has("/spec/revisionHistoryLimit", json!(10)),
                    Has("/spec/persistentVolumeClaimRetentionPolicy", retain),
                    Has("/spec/updateStrategy", json!({"type": "OnDelete"})),
                    Has("/spec/template/spec/dnsPolicy", json!("ClusterFirst")),
                    Has("/spec/template/spec/restartPolicy", json!("Always")),
                    Has("/spec/template/spec/schedulerName", json!("default-scheduler")),
                    Has("/spec/template/spec/securityContext", json!({})),
                    Has("/spec/template/spec/terminationGracePeriodSeconds", json!(30)),
                    Has(
                        "/spec/template/spec/containers",
                        json!([{
                            "name": "seid", "image": "sei:v1", "imagePullPolicy": "IfNotPresent", "resources": {},
                            "ports": [{ "containerPort": 1, "protocol": "TCP" }],
                            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                        }]),
                    ),
                ],
            )]
        }),
        semantic("the service of a set is for ever", |at| {
            let seid = json!([{ "name": "seid", "image": "sei:v1" }]);
            let mut other = set(at, seid.clone());
            other["spec"]["serviceName"] = json!("other");
            let refused = Refused(422, "updates to statefulset spec for fields other than");
            vec![
                Step(Apply(Kind::StatefulSet, set(at, seid)), vec![Generation(1)]),
                Step(Apply(Kind::StatefulSet, other), vec![refused, Generation(1)]),
            ]
        }),
        semantic("a set selects its own pods", |at| {
            let mut other = set(at, json!([{ "name": "seid", "image": "sei:v1" }]));
            other["spec"]["selector"] = json!({"matchLabels": {"app": "other"}});
            vec![Step(Apply(Kind::StatefulSet, other), vec![Refused(422, "`selector` does not match"), Gone])]
        }),
        semantic("a label of a set is no new generation", |at| {
            let seid = json!([{ "name": "seid", "image": "sei:v1" }]);
            let mut labelled = set(at, seid.clone());
            labelled["metadata"]["labels"] = json!({"a": "b"});
            vec![
                Step(Apply(Kind::StatefulSet, set(at, seid)), vec![Generation(1)]),
                Step(Apply(Kind::StatefulSet, labelled), vec![Generation(1), Has("/metadata/labels/a", json!("b"))]),
            ]
        }),
        semantic("a headless service gets its defaults", |at| {
            vec![Step(
                Apply(Kind::Service, service(at, json!([{ "port": 7777 }]))),
                vec![
                    Has("/spec/clusterIPs", json!(["None"])),
                    Has("/spec/type", json!("ClusterIP")),
                    Has("/spec/sessionAffinity", json!("None")),
                    Has("/spec/internalTrafficPolicy", json!("Cluster")),
                    Has("/spec/ipFamilies", json!(["IPv4"])),
                    Has("/spec/ipFamilyPolicy", json!("SingleStack")),
                    Has("/spec/ports", json!([{ "port": 7777, "protocol": "TCP", "targetPort": 7777 }])),
                ],
            )]
        }),
        semantic("the same service again changes nothing", |at| {
            let apply = || Apply(Kind::Service, service(at, json!([{ "port": 7777 }])));
            vec![Step(apply(), vec![Newer]), Step(apply(), vec![Same])]
        }),
        semantic("the address of a service is for ever", |at| {
            let ports = json!([{ "port": 7777 }]);
            let mut other = service(at, ports.clone());
            other["spec"]["clusterIP"] = json!("10.0.0.77");
            let refused = Refused(422, "may not change once set");
            vec![
                Step(Apply(Kind::Service, service(at, ports)), vec![]),
                Step(Apply(Kind::Service, other), vec![refused, Same]),
            ]
        }),
        semantic("a claim is born pending, protected and a file system", |at| {
            vec![Step(
                Create(Kind::PersistentVolumeClaim, claim(at, "1Gi")),
                vec![
                    Has("/status/phase", json!("Pending")),
                    Has("/spec/volumeMode", json!("Filesystem")),
                    Has("/metadata/finalizers", json!(["kubernetes.io/pvc-protection"])),
                ],
            )]
        }),
        semantic("a claim that is not bound does not grow", |at| {
            let grow = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
            let refused = Refused(422, "spec is immutable after creation");
            vec![
                Step(Create(Kind::PersistentVolumeClaim, claim(at, "1Gi")), vec![]),
                Step(Edit(Kind::PersistentVolumeClaim, grow), vec![refused]),
            ]
        }),
        semantic("a claim needs an access mode", |at| {
            let mut none = claim(at, "1Gi");
            none["spec"]["accessModes"] = json!([]);
            vec![Step(
                Create(Kind::PersistentVolumeClaim, none),
                vec![Refused(422, "spec.accessModes: Required value"), Gone],
            )]
        }),
        semantic("a job gets its defaults and labels its pods", |at| {
            vec![Step(
                Create(Kind::Job, job(at)),
                vec![
                    Has("/spec/backoffLimit", json!(6)),
                    Has("/spec/completions", json!(1)),
                    Has("/spec/parallelism", json!(1)),
                    Has("/spec/completionMode", json!("NonIndexed")),
                    Has("/spec/podReplacementPolicy", json!("TerminatingOrFailed")),
                    Has("/spec/template/metadata/labels/batch.kubernetes.io~1job-name", json!(at.name)),
                    Has("/spec/template/spec/restartPolicy", json!("Never")),
                ],
            )]
        }),
        semantic("the template of a job is for ever", |at| {
            let image =
                json!({"spec": {"template": {"spec": {"containers": [{ "name": "seid", "image": "sei:v2" }]}}}});
            vec![
                Step(Create(Kind::Job, job(at)), vec![]),
                Step(Edit(Kind::Job, image), vec![Refused(422, "field is immutable")]),
            ]
        }),
        semantic("an immutable config map is that", |at| {
            let frozen = at.object(Kind::ConfigMap, json!({ "data": {"a": "1"}, "immutable": true }));
            let refused = Refused(422, "field is immutable when `immutable` is set");
            vec![
                Step(Create(Kind::ConfigMap, frozen), vec![]),
                Step(Edit(Kind::ConfigMap, json!({"data": {"a": "2"}})), vec![refused, Same]),
            ]
        }),
        semantic("a secret is opaque", |at| {
            let secret = at.object(Kind::Secret, json!({ "data": {} }));
            vec![Step(Create(Kind::Secret, secret), vec![Has("/type", json!("Opaque"))])]
        }),
    ]
}
