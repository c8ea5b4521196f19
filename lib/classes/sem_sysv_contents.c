/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contents of System V semaphore sets: values, who waits, who was last, and what is to be undone. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>

#include "classes/contents.h"
#include "classes/sem.h"
#include "classes/sem_sysv_change.h"
#include "classes/sysv_change.h"
#include "peek/peek.h"

#define COMM_SIZE 16

struct undo {
	int64_t pid;
	struct ipc_bytes comm;
	int64_t adjust;
	/* no fields */
	uint64_t index;
	char text[COMM_SIZE];
};

struct content {
	struct ipc_sem_value is;
	struct ipc_list undo; /* of struct undo */
};

static const struct ipc_field undo_fields[] = {
	IPC_FIELD(undo, pid, INT, "process at whose end it is undone"),
	IPC_FIELD(undo, comm, STRING, "its command name"),
	IPC_FIELD(undo, adjust, INT, "what is added to the value then"),
};

static const struct ipc_record undo_record = {
	.name = "undo",
	.size = sizeof(struct undo),
	.fields = undo_fields,
	.count = sizeof(undo_fields) / sizeof(undo_fields[0]),
};

#define VALUE_FIELD(member, kind_of, text)                                                                  \
	{                                                                                                   \
		.name = #member, .type = IPC_TYPE_##kind_of, .offset = offsetof(struct content, is.member), \
		.help = (text)                                                                              \
	}

static const struct ipc_field fields[] = {
	VALUE_FIELD(index, UINT, "position in the set"),
	VALUE_FIELD(value, UINT, "value"),
	VALUE_FIELD(waiting_increase, UINT, "tasks waiting for it to grow"),
	VALUE_FIELD(waiting_zero, UINT, "tasks waiting for it to become zero"),
	VALUE_FIELD(last_pid, INT, "process that operated on it last"),
	IPC_FIELD_LIST(content, undo, &undo_record, 0, "what is undone when processes end; null: not to be seen"),
};

static const struct ipc_record content_record = {
	.name = "semaphore",
	.size = sizeof(struct content),
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

struct reading {
	struct ipc_dumping *dumping;
	struct ipc_sysv_sem set;
	unsigned short *values, *after;
	struct undo *undos; /* by index */
	size_t undo_count, undo_room;
	bool undo_seen;
};

/* ---- what is to be undone ---------------------------------------------------------------------------------------- */

static int add_undo(const struct ipc_peek_undo *from, void *data)
{
	struct reading *reading = data;
	size_t room = reading->undo_room ? 2 * reading->undo_room : 64;
	struct undo *undo;

	if (reading->undo_count == reading->undo_room) {
		undo = realloc(reading->undos, room * sizeof(*undo));
		if (!undo)
			return ipc_ctx_fail(reading->dumping->ctx, -ENOMEM, "out of memory");
		reading->undos = undo;
		reading->undo_room = room;
	}
	undo = &reading->undos[reading->undo_count++];
	*undo = (struct undo){.pid = from->pid, .adjust = from->adjust, .index = from->index};
	undo->comm.len = from->comm.len < COMM_SIZE ? from->comm.len : COMM_SIZE;
	memcpy(undo->text, from->comm.data, undo->comm.len);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct undo *left = a, *right = b;

	if (left->index != right->index)
		return left->index < right->index ? -1 : 1;
	return (left->pid > right->pid) - (left->pid < right->pid);
}

/* Who may not or cannot see them, an ordinary user as a rule, has null in their place: values are what most want to know. */
static int read_undos(struct reading *reading)
{
	int r = ipc_peek_sem_undo(reading->dumping->ctx, (int)reading->set.perm.id, add_undo, reading);
	size_t i;

	if (r)
		return ipc_peek_cannot(r) ? 0 : r;
	reading->undo_seen = true;
	if (reading->undo_count)
		qsort(reading->undos, reading->undo_count, sizeof(*reading->undos), compare);
	for (i = 0; i < reading->undo_count; i++)
		reading->undos[i].comm.data = reading->undos[i].text;
	return 0;
}

/* Those of semaphore @index; *@at is where they begin in the list of all, and is moved on. */
static struct ipc_list undos_of(const struct reading *reading, uint64_t index, size_t *at)
{
	struct ipc_list list = IPC_EMPTY_LIST;

	if (!reading->undo_seen)
		return (struct ipc_list){0};
	while (*at < reading->undo_count && reading->undos[*at].index < index)
		++*at;
	if (*at < reading->undo_count && reading->undos[*at].index == index)
		list.items = &reading->undos[*at];
	while (*at < reading->undo_count && reading->undos[*at].index == index) {
		list.count++;
		++*at;
	}
	return list;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static int read_values(const struct reading *reading, unsigned short *values)
{
	const struct ipc_sysv_perm *perm = &reading->set.perm;
	struct ipc_ctx *ctx = reading->dumping->ctx;

	if (semctl((int)perm->id, 0, GETALL, (union ipc_sem_argument){.values = values}) == 0)
		return 0;
	if (errno == EACCES)
		return ipc_ctx_fail(ctx, -EACCES,
				    "reading its values takes read permission, which its mode %04" PRIo64
				    " does not give you (it belongs to user %" PRIu64 ", group %" PRIu64
				    "), or CAP_IPC_OWNER (root)",
				    perm->mode, perm->uid, perm->gid);
	return ipc_sysv_fail(ctx, -errno, perm, "reading its values");
}

/* Values are read at one moment, all else one by one: what was operated on meanwhile shows in its value, as a rule. */
static int look_again(const struct reading *reading)
{
	int r = read_values(reading, reading->after);

	if (r == 0)
		reading->dumping->result->torn =
			memcmp(reading->values, reading->after, reading->set.nsems * sizeof(*reading->values)) != 0;
	return r;
}

static int give(struct reading *reading, struct content *contents)
{
	const struct ipc_dump_how *how = &reading->dumping->how;
	uint64_t i, end = reading->set.nsems;
	size_t at = 0;
	int r;

	if (how->first < end && end - how->first > how->count)
		end = how->first + how->count;
	for (i = how->first; i < end; i++) {
		contents[i].is = ipc_sem_sysv_value((int)reading->set.perm.id, i, reading->values[i]);
		contents[i].undo = undos_of(reading, i, &at);
	}
	r = look_again(reading);
	for (i = how->first; i < end && r == 0; i++)
		r = ipc_dumping_entry(reading->dumping, i, &content_record, &contents[i]);
	return r;
}

static int read_set(struct reading *reading)
{
	struct content *contents = calloc(reading->set.nsems + 1, sizeof(*contents));
	int r;

	reading->values = ipc_sem_sysv_new_values(reading->set.nsems);
	reading->after = ipc_sem_sysv_new_values(reading->set.nsems);
	if (contents && reading->values && reading->after) {
		r = read_values(reading, reading->values);
		if (r == 0)
			r = read_undos(reading);
		if (r == 0)
			r = give(reading, contents);
	} else {
		r = ipc_ctx_fail(reading->dumping->ctx, -ENOMEM, "out of memory");
	}
	free(reading->undos);
	free(reading->values);
	free(reading->after);
	free(contents);
	return r;
}

static int dump(struct ipc_dumping *dumping)
{
	struct reading reading = {.dumping = dumping};
	int r = ipc_sysv_again_sem(dumping->ctx, dumping->object, &reading.set);

	if (r)
		return r;
	dumping->result->source = "GETALL";
	return read_set(&reading);
}

const struct ipc_contents ipc_contents_sem_sysv = {
	.help =
		{
			.read = "semctl(GETALL) for all values at one moment, then GETNCNT, GETZCNT and GETPID of each; "
				"undo values from the kernel's memory by BPF (Linux 5.17)",
			.privilege =
				"read permission, or CAP_IPC_OWNER (root); for undo values CAP_BPF and CAP_PERFMON "
				"(root), else they are null",
			.disturbs = "nothing: no operation, no time and no process on record changes",
		},
	.takes = IPC_DUMP_MESSAGES,
	.dump = dump,
};
