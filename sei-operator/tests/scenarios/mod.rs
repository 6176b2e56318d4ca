//! The scenarios: what a user does, and what must come of it. Black box through the API server.

mod admission;
mod adoption;
#[allow(dead_code, reason = "the names of all bounds are for the test in process")]
#[path = "../../../sei-tasks/tests/bounds/mod.rs"]
mod bounds;
mod bring_up;
mod by_hand;
mod commands;
mod cost;
mod deletion;
mod downgrade;
mod fidelity;
mod following;
mod harness;
mod image_update;
mod import;
mod install;
mod interrupted;
mod issuer;
mod keys;
mod leader;
mod metrics;
mod mid_update;
mod modes;
mod operator_process;
mod proxy;
mod runbooks;
#[path = "../../../sei-tasks/tests/semantics/mod.rs"]
mod semantics;
mod specs;
mod traces;
mod verdicts;

use crate::support::runner::Trial;

/// In the order in which they run: first what needs no operator, the slow ones last.
pub(crate) fn all() -> Vec<Trial> {
    vec![
        Trial::new("harness_pods_are_real_and_the_kubelet_can_stand_still", harness::pods),
        Trial::new("harness_audit_log_counts_the_operator_only", harness::audit),
        Trial::new("harness_sidecar_is_there_only_with_its_pod", harness::sidecar_follows_pod),
        Trial::new("harness_sidecar_answers_as_documented", harness::sidecar_answers),
        Trial::new("crd_rules", admission::crd_rules),
        Trial::new("crd_bounds_of_status", admission::bounds_of_status),
        Trial::new("fidelity_of_the_simulated_api_server", fidelity::table_holds),
        Trial::new("verdicts_of_both_definitions_are_those_worked_out_in_process", verdicts::replayed),
        Trial::new("verdicts_forgive_what_was_stored_before", verdicts::forgiven),
        Trial::new("install_chart_says_what_manifests_says", install::chart_is_manifests),
        Trial::new("install_chart_refuses_what_it_does_not_know", install::chart_refuses),
        Trial::new("install_alerts_fire_on_what_they_are_for", install::alerts_fire),
        Trial::new("install_applies_twice_with_manifests_kustomize_and_helm", install::applies_twice),
        Trial::new("install_upgrade_of_the_definition_keeps_every_node", install::upgrade_keeps_nodes),
        Trial::new("full_node_from_genesis", bring_up::from_genesis),
        Trial::new("full_node_from_state_sync", bring_up::from_state_sync),
        Trial::new("full_node_from_s3_snapshot", bring_up::from_s3),
        Trial::new("archive_comes_up", modes::archive),
        Trial::new("validator_comes_up", modes::validator),
        Trial::new("validator_keys_have_one_holder", keys::one_holder),
        Trial::new("certificate_is_asked_of_an_issuer", issuer::asked),
        Trial::new("certificate_and_token_reach_a_sidecar_through_kube_rbac_proxy", proxy::drives_a_node),
        Trial::new("founder_of_a_chain_comes_up", modes::founder),
        Trial::new("replayer_comes_up_through_a_bootstrap_job", modes::replayer),
        Trial::new("imported_volume_is_waited_for_and_left_behind", import::comes_up),
        Trial::new("sidecar_restart_is_marked_ready_again", bring_up::sidecar_restart),
        Trial::new("failing_and_slow_sidecar_tasks_end_in_running", bring_up::failing_tasks),
        Trial::new("operator_killed_in_every_sidecar_task_of_init", bring_up::operator_killed_during_init),
        Trial::new("one_refused_node_does_not_stop_others", bring_up::refused_beside_good),
        Trial::new("image_update_replaces_the_pod_once", image_update::replaces_once),
        Trial::new("edited_settings_reach_pod_and_sidecar", following::settings),
        Trial::new("every_edit_is_reverted_in_the_middle", following::reverted),
        Trial::new("refused_edit_of_a_running_node_restarts_nothing", following::refused),
        Trial::new("running_validator_gets_its_keys_at_the_tip", following::keys),
        Trial::new("full_node_becomes_a_validator", following::mode),
        Trial::new("mid_update_second_edit", mid_update::second_edit),
        Trial::new("mid_update_revert", mid_update::revert),
        Trial::new("mid_update_operator_killed", mid_update::operator_killed),
        Trial::new("mid_update_operator_killed_and_reverted_meanwhile", mid_update::operator_killed_and_reverted),
        Trial::new("mid_update_revert_before_new_pod_runs", mid_update::revert_before_new_pod_runs),
        Trial::new("mid_update_operator_killed_again_and_again", mid_update::operator_killed_again_and_again),
        Trial::new("mid_update_edits_at_once", mid_update::edits_at_once),
        Trial::new("interrupted_by_fifty_kills_of_the_operator", interrupted::operator_killed_at_random),
        Trial::new("interrupted_by_restarts_of_the_api_server", interrupted::api_server_restarted),
        Trial::new("interrupted_by_watches_that_expire", interrupted::watches_expire),
        Trial::new("interrupted_by_a_storm_of_conflicts", interrupted::conflicts),
        Trial::new("nodes_of_the_controller_before_are_taken_over", adoption::taken_over),
        Trial::new("deleted_stateful_set_comes_back", by_hand::stateful_set),
        Trial::new("deleted_service_comes_back", by_hand::service),
        Trial::new("deleted_pod_comes_back", by_hand::pod),
        Trial::new("deletion_leaves_nothing", deletion::leaves_nothing),
        Trial::new("deletion_keeps_a_retained_volume", deletion::keeps_retained_volume),
        Trial::new("commands_tell_of_a_live_node", commands::tell_of_a_live_node),
        Trial::new("commands_try_again_and_answer", commands::retry_and_answer),
        Trial::new("commands_check_a_cluster", commands::checks_a_cluster),
        Trial::new("runbooks_validator_migration_is_as_its_page_says", runbooks::validator_migration),
        Trial::new("runbooks_tls_is_changed_as_its_page_says", runbooks::sidecar_tls),
        Trial::new("downgrade_leaves_alone_what_it_cannot_read", downgrade::left_alone),
        Trial::new("metrics_tell_what_happened", metrics::tell_what_happened),
        Trial::new("traces_of_plans_reach_a_collector", traces::reach_a_collector),
        Trial::new("traces_that_nobody_takes_hold_nobody_up", traces::hold_nobody_up),
        Trial::new("two_operators_and_the_leader_is_killed", leader::killed_and_stopped),
        Trial::new("operator_of_one_namespace_needs_no_more_roles", operator_process::confined),
        Trial::new("graceful_stop_and_quiet_restart", operator_process::graceful_stop),
        Trial::new("cost_from_create_to_silence", cost::from_create_to_silence),
        Trial::new("cost_of_a_fleet", cost::fleet),
        Trial::new("cost_of_a_settled_node", cost::settled),
        Trial::new("cost_of_a_fleet_beside_played_controllers", cost::fleet_beside_played_controllers),
        Trial::new("cost_of_large_fleets_beside_played_controllers", cost::large_fleets_beside_played_controllers)
            .only_when_named(),
        Trial::new("cost_of_large_fleets", cost::large_fleets).only_when_named(),
        Trial::new("sidecars_were_addressed_by_their_own_names", operator_process::no_stray_addresses),
    ]
}
