/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The verdict of a cleaning on one object. Whatever speaks for an object keeps it: the first doubt met is the reason.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "classes/change.h"
#include "clean.h"
#include "policy/policy.h"
#include "run.h"

#define SECOND INT64_C(1000000000)

bool ipc_clean_concerns(const struct ipc_object *object)
{
	const struct ipc_waste *waste = object->of_kind->waste;

	return waste && (!waste->stays || waste->stays(object));
}

unsigned ipc_verdict_needs(const struct ipc_query *query, const struct ipc_kind *kind)
{
	const struct ipc_cleaning *how = query->cleaning;

	if (!how)
		return 0;
	return IPC_NEED_STATE | IPC_NEED_EVIDENCE | IPC_NEED_HANDLE | (kind->waste ? kind->changes->remove_needs : 0) |
	       (how->policy ? ipc_policy_needs(how->policy, kind) : 0);
}

/* ---- reasons ----------------------------------------------------------------------------------------------------- */

static void decide(struct ipc_run *run, struct ipc_object *object, const char *verdict, struct ipc_bytes why)
{
	(void)run;
	object->verdict = ipc_bytes_of(verdict);
	object->why = why;
}

/* "creator 4711 is dead; never attached" */
static struct ipc_bytes evidence_of(struct ipc_run *run, const struct ipc_object *object, const char *prefix)
{
	const struct ipc_bytes *lines = object->evidence.items;
	struct ipc_bytes why = IPC_NO_BYTES;
	struct ipc_buf text = {0};
	size_t i;
	int r = ipc_buf_append(&text, prefix, strlen(prefix));

	for (i = 0; i < object->evidence.count && r == 0; i++) {
		r = ipc_buf_append(&text, i ? "; " : ": ", 2);
		if (r == 0)
			r = ipc_buf_append(&text, lines[i].data, lines[i].len);
	}
	if (r == 0)
		why = ipc_arena_bytes(&run->arena, text.data, text.len);
	else
		run->arena.failed = true;
	ipc_buf_release(&text);
	return why;
}

/* "3d", "1h30m", "45s": the two largest units, cut. */
static const char *spell(int64_t duration, char *out, size_t size)
{
	static const struct {
		int64_t length;
		char letter;
	} units[] = {{86400 * SECOND, 'd'}, {3600 * SECOND, 'h'}, {60 * SECOND, 'm'}, {SECOND, 's'}};
	size_t i, len = 0, parts = 0;

	if (duration < SECOND)
		snprintf(out, size, "%dms", (int)(duration / 1000000));
	for (i = 0; duration >= SECOND && i < sizeof(units) / sizeof(units[0]) && parts < 2; i++) {
		int64_t count = duration / units[i].length;

		duration %= units[i].length;
		if (!count && !parts)
			continue;
		parts++;
		if (count)
			len += (size_t)snprintf(out + len, size - len, "%" PRId64 "%c", count, units[i].letter);
	}
	return out;
}

/* ---- age --------------------------------------------------------------------------------------------------------- */

static int64_t wanted_age(const struct ipc_cleaning *how, const struct ipc_rule *rule)
{
	int64_t of_rule = rule && rule->min_age != IPC_UNKNOWN_INT ? rule->min_age : -1;

	if (how->min_age > 0)
		return how->min_age > of_rule ? how->min_age : of_rule;
	if (of_rule >= 0)
		return of_rule;
	return how->min_age < 0 ? 0 : IPC_CLEAN_MIN_AGE;
}

static bool is_young(struct ipc_run *run, struct ipc_object *object, const struct ipc_rule *rule)
{
	int64_t wanted = wanted_age(run->query->cleaning, rule), age = object->unused;
	char is[32], shall[32];

	if (age == IPC_UNKNOWN_INT) {
		decide(run, object, "keep", IPC_BYTES("when it was used last is not known"));
		return true;
	}
	if (age >= wanted)
		return false;
	decide(run, object, "keep",
	       ipc_arena_format(&run->arena, "used %s ago, and kept until that was %s ago", spell(age, is, sizeof(is)),
				spell(wanted, shall, sizeof(shall))));
	return true;
}

/* ---- who removes ------------------------------------------------------------------------------------------------- */

static bool is_others(struct ipc_run *run, struct ipc_object *object)
{
	if (run->ctx->euid == 0 || object->uid == run->ctx->euid)
		return false;
	decide(run, object, "keep",
	       object->uid == IPC_UNKNOWN
		       ? IPC_BYTES("whose it is is not known")
		       : ipc_arena_format(&run->arena, "it belongs to user %" PRIu64 "; only he or root removes it",
					  object->uid));
	return true;
}

static bool has_living_owner(struct ipc_run *run, struct ipc_object *object)
{
	if (!run->query->cleaning->owner_gone)
		return false;
	switch (ipc_judge_owner(run, object)) {
	case IPC_DEAD:
		ipc_run_keep_evidence(run, object);
		return false;
	case IPC_ALIVE:
		decide(run, object, "keep", IPC_BYTES("its owner has processes (--if-no-process)"));
		return true;
	default:
		decide(run, object, "keep", IPC_BYTES("its owner may have processes (--if-no-process)"));
		return true;
	}
}

/*
 * Who may mount in a namespace of his own decides what lies there at /dev/shm or /tmp: somebody else's home, for example,
 * whose files a privileged caller would take away for him.
 */
static bool is_among_others_mounts(struct ipc_run *run, struct ipc_object *object)
{
	if (!object->in || object->in->type != IPC_NS_MNT || object->in->own || ipc_ns_mounts_trusted(run->ctx))
		return false;
	decide(run, object, "keep",
	       IPC_BYTES(
		       "the mounts are another user namespace's, so it may be anybody's file (clean it from within)"));
	return true;
}

/* Nothing but time and rights stand in the way: @rule, or the state alone, lets it go. */
static void let_go(struct ipc_run *run, struct ipc_object *object, const struct ipc_rule *rule)
{
	char prefix[16];

	if (object->spared) {
		decide(run, object, "keep", ipc_bytes_of(object->spared));
		return;
	}
	if (is_among_others_mounts(run, object) || is_young(run, object, rule) || is_others(run, object) ||
	    has_living_owner(run, object))
		return;
	snprintf(prefix, sizeof(prefix), "%.*s", (int)object->state.len, object->state.data);
	decide(run, object, "remove", evidence_of(run, object, prefix));
}

/* ---- proof --------------------------------------------------------------------------------------------------------- */

/*
 * Who might use it cannot be seen, in a container for example; but the kernel itself can prove for some kinds that nobody
 * does. That takes a lease for microseconds, so it is left to those objects for which all depends on it.
 */
static void prove(struct ipc_run *run, struct ipc_object *object, const struct ipc_rule *rule)
{
	static const struct ipc_removal rehearsal = {.dry_run = true, .certain = true};

	if (object->judged != IPC_STATE_UNKNOWN || !object->of_kind->changes->proves || object->unproven ||
	    run->ctx->captured)
		return;
	/* Nothing depends on it where time or rights keep the object anyway. */
	if (is_among_others_mounts(run, object) || is_young(run, object, rule) || is_others(run, object))
		return;
	object->unproven = ipc_object_remove(run->ctx, object, &rehearsal) != 0;
	if (object->unproven) {
		ipc_evidence(run, "%s", ipc_ctx_error(run->ctx));
	} else {
		ipc_evidence(run, "the kernel grants a write lease: nobody has it open, mapped or in flight");
		ipc_run_set_state(object, IPC_STATE_IDLE);
	}
	ipc_run_keep_evidence(run, object);
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

/*
 * The user that a rule sees in the name of @object. False: he may live, which is decided with that. His death is what was
 * missing to call an idle object abandoned.
 */
static enum ipc_alive judge_all(struct ipc_run *run, const struct ipc_object *object, const struct ipc_pids *pids)
{
	enum ipc_alive alive = pids->count > IPC_PIDS_MAX ? IPC_ALIVE_UNKNOWN : IPC_DEAD;
	size_t i;

	for (i = 0; alive == IPC_DEAD && i < pids->count; i++)
		alive = ipc_judge_named(run, pids->numbers[i], object->used);
	return alive;
}

static bool is_dead(struct ipc_run *run, struct ipc_object *object, const struct ipc_pids *pids)
{
	enum ipc_alive alive = judge_all(run, object, pids);

	ipc_run_keep_evidence(run, object);
	if (alive == IPC_DEAD) {
		if (object->judged == IPC_STATE_IDLE)
			ipc_run_set_state(object, IPC_STATE_ORPHAN);
		return true;
	}
	decide(run, object, "keep",
	       evidence_of(run, object,
			   alive == IPC_ALIVE ? "the process of its name is alive"
					      : "the process of its name may be alive"));
	return false;
}

static bool has_state(const struct ipc_rule *rule, enum ipc_state state)
{
	return rule->states & 1u << state;
}

static bool is_unused(const struct ipc_object *object)
{
	return object->judged != IPC_STATE_HELD && object->judged != IPC_STATE_UNKNOWN;
}

/* True when @rule decided. */
static bool apply_rule(struct ipc_run *run, struct ipc_object *object, const struct ipc_rule *rule)
{
	enum ipc_state state;
	struct ipc_pids pids;

	if (!ipc_rule_matches(rule, object, &pids))
		return false;
	if (rule->action == IPC_ACTION_REMOVE && (pids.count || has_state(rule, IPC_STATE_IDLE)))
		prove(run, object, rule);
	state = object->judged;
	if (rule->action == IPC_ACTION_REMOVE && pids.count && is_unused(object) && !is_dead(run, object, &pids)) {
		object->rule = ipc_bytes_of(rule->name);
		return true;
	}
	/* Who allows idle ones to go means those as well that turn out to be abandoned. */
	if (!has_state(rule, state) && !has_state(rule, object->judged))
		return false;
	object->rule = ipc_bytes_of(rule->name);
	if (rule->action == IPC_ACTION_REMOVE)
		let_go(run, object, rule);
	else
		decide(run, object, ipc_action_name(rule->action),
		       ipc_arena_format(&run->arena, "rule %.200s of %.400s", rule->name, rule->file));
	return true;
}

static bool apply_rules(struct ipc_run *run, struct ipc_object *object)
{
	const struct ipc_policy *policy = run->query->cleaning->policy;
	enum ipc_state before = object->judged;
	size_t i;

	for (i = 0; policy && i < policy->rule_count; i++) {
		if (apply_rule(run, object, &policy->rules[i]))
			return true;
		/* What one rule made of a name is nothing to the others. */
		if (object->judged == IPC_STATE_ORPHAN && before != IPC_STATE_ORPHAN)
			ipc_run_set_state(object, IPC_STATE_IDLE);
	}
	return false;
}

/* ---- without a rule ---------------------------------------------------------------------------------------------- */

static void decide_by_state(struct ipc_run *run, struct ipc_object *object)
{
	unsigned include = run->query->cleaning->include;

	if (include & IPC_INCLUDE_IDLE)
		prove(run, object, NULL);
	switch (object->judged) {
	case IPC_STATE_HELD:
		decide(run, object, "keep", evidence_of(run, object, "in use"));
		break;
	case IPC_STATE_ORPHAN:
		let_go(run, object, NULL);
		break;
	case IPC_STATE_SUSPECT:
		if (include & IPC_INCLUDE_SUSPECT)
			let_go(run, object, NULL);
		else
			decide(run, object, "keep",
			       evidence_of(run, object, "only suspected (--include=suspect, or a rule)"));
		break;
	case IPC_STATE_IDLE:
		if (include & IPC_INCLUDE_IDLE)
			let_go(run, object, NULL);
		else
			decide(run, object, "keep",
			       evidence_of(run, object, "somebody may come back (--include=idle, or a rule)"));
		break;
	default:
		decide(run, object, "keep", evidence_of(run, object, "may be in use"));
		break;
	}
}

void ipc_verdict(struct ipc_run *run, struct ipc_object *object)
{
	if (!ipc_clean_concerns(object))
		decide(run, object, "keep", IPC_BYTES("it goes with its last user, so nothing is left to clean"));
	else if (!apply_rules(run, object))
		decide_by_state(run, object);
}
