/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of all programs those that are needed for what is asked for, and that this kernel has a place for. */
#include "events/bpf_programs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "events/hooks.h"
#include "sources/libbpf.h"

/* Functions that are system calls; core.bpf.h knows where they find their arguments. */
#if defined(__x86_64__)
#define CALL_PREFIX "__x64_sys_"
#elif defined(__aarch64__)
#define CALL_PREFIX "__arm64_sys_"
#else
#define CALL_PREFIX NULL
#endif

/* ---- which programs ----------------------------------------------------------------------------------------------- */

/* What the name of a program says: tp_enter_X, tp_exit_X, tp_on_X, fn_enter_X, fn_exit_X, fn_on_X, on_X. */
struct program_name {
	const char *hook;
	bool of_call; /* X is a system call */
	bool both;
	enum ipc_bpf_hooked hooked;
	enum ipc_bpf_turn turn;
};

static bool parse_name(const char *name, struct program_name *out)
{
	static const struct {
		const char *prefix;
		struct program_name is;
	} prefixes[] = {
		{"tp_enter_", {.of_call = true, .hooked = IPC_BPF_BY_TRACEPOINT, .turn = IPC_BPF_ENTRIES}},
		{"tp_exit_", {.of_call = true, .hooked = IPC_BPF_BY_TRACEPOINT, .turn = IPC_BPF_EXITS}},
		{"fn_enter_", {.of_call = true, .hooked = IPC_BPF_BY_FUNCTION, .turn = IPC_BPF_ENTRIES}},
		{"fn_exit_", {.of_call = true, .hooked = IPC_BPF_BY_FUNCTION, .turn = IPC_BPF_EXITS}},
		{"tp_on_", {.hooked = IPC_BPF_BY_TRACEPOINT}},
		{"fn_on_", {.hooked = IPC_BPF_BY_FUNCTION}},
		{"on_", {.both = true}},
	};
	size_t i, len;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		len = strlen(prefixes[i].prefix);
		if (strncmp(name, prefixes[i].prefix, len) == 0) {
			*out = prefixes[i].is;
			out->hook = name + len;
			return true;
		}
	}
	return false;
}

static bool is_wanted(const struct ipc_bpf_choice *choice, const struct bpf_program *program, struct program_name *name,
		      const struct ipc_hook **hook)
{
	if (!parse_name(bpf_program__name(program), name) || (!name->both && name->hooked != choice->hooked))
		return false;
	*hook = ipc_hook_find(name->hook);
	return *hook && ipc_hook_wanted(*hook, choice->settings) &&
	       (name->turn != IPC_BPF_ENTRIES || ipc_hook_entry_wanted(*hook, choice->settings));
}

/* ---- what this kernel has ------------------------------------------------------------------------------------------- */

/* Is there a function of the kernel called @name? A program that is never loaded asks, because libbpf shows its types to nobody else. */
static bool has_function(const struct bpf_object *object, const char *name)
{
	struct bpf_program *never = bpf_object__find_program_by_name(object, "never");

	return bpf_program__set_attach_target(never, 0, name) == 0;
}

static bool is_met(const struct bpf_object *object, const struct ipc_hook_need *need)
{
	if (need->function && !has_function(object, need->function))
		return false;
	return !need->helper ||
	       libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT, (enum bpf_func_id)need->helper, NULL) != 0;
}

static bool is_of(const struct ipc_hook_need *need, const struct ipc_hook *hook, enum ipc_bpf_hooked hooked)
{
	return strcmp(need->name, hook->name) == 0 &&
	       !(hooked == IPC_BPF_BY_FUNCTION ? need->tracepoints_only : need->functions_only);
}

/* Does the kernel have what the programs of @hook need? Asked once for each need. */
static bool is_possible(struct ipc_bpf_choice *choice, const struct bpf_object *object, const struct ipc_hook *hook)
{
	const struct ipc_hook_need *need;
	size_t i;

	for (i = 0; (need = ipc_hook_need(i)); i++) {
		if (!is_of(need, hook, choice->hooked))
			continue;
		if (!(choice->asked & 1u << i) && !is_met(object, need))
			choice->lacking |= 1u << i;
		choice->asked |= 1u << i;
		if (choice->lacking & 1u << i)
			return false;
	}
	return true;
}

/* There is no place for its program to be at. */
static void lack(struct ipc_bpf_choice *choice, const struct ipc_hook *hook)
{
	const struct ipc_hook_need *need;
	size_t i;

	for (i = 0; (need = ipc_hook_need(i)); i++)
		if (is_of(need, hook, choice->hooked))
			choice->lacking |= 1u << i;
}

void ipc_bpf_tell_lacking(const struct ipc_bpf_choice *choice, const struct ipc_source_want *want)
{
	size_t i;

	for (i = 0; ipc_hook_need(i); i++)
		if (choice->lacking & 1u << i)
			want->blind(want->data, "%s", ipc_hook_need(i)->without);
}

/*
 * Say where @program is to be. Returns 0, -ESRCH when this kernel has no such place, or -errno. A call that it does not have is made by
 * nobody, and of a tracepoint of a call attaching finds out.
 */
static int aim(struct bpf_program *program, const struct program_name *name)
{
	char function[64];
	const char *place = strchr(bpf_program__section_name(program), '/');
	int r;

	if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING || !place)
		return 0;
	snprintf(function, sizeof(function), "%s%s", name->of_call ? CALL_PREFIX : "",
		 name->of_call ? name->hook : place + 1);
	r = bpf_program__set_attach_target(program, 0, function);
	return r == -ENOENT ? -ESRCH : r;
}

int ipc_bpf_choose(struct ipc_bpf_choice *choice, struct bpf_object *object)
{
	struct bpf_program *program;
	const struct ipc_hook *hook;
	struct program_name name;
	int r = 0;

	bpf_object__for_each_program(program, object)
	{
		bool wanted = is_wanted(choice, program, &name, &hook) && is_possible(choice, object, hook);

		if (wanted)
			r = aim(program, &name);
		if (r == -ESRCH && has_function(object, "schedule")) {
			if (!name.of_call)
				lack(choice, hook);
			wanted = false;
			r = 0;
		}
		if (r < 0)
			return r;
		bpf_program__set_autoload(program, wanted);
	}
	return 0;
}

enum ipc_bpf_turn ipc_bpf_turn(const struct bpf_program *program)
{
	struct program_name name = {0};

	parse_name(bpf_program__name(program), &name);
	return name.turn;
}

bool ipc_bpf_has_functions(void)
{
	return CALL_PREFIX != NULL;
}
