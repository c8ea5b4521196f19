/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done to each object, and by whom, added up. */
#include <stdlib.h>

#include "watch_summary.h"

#define ROOM 64 /* buckets to begin with; a power of two */

/* What is read of each event. */
enum { REF, CLASS, KIND, NAME, TIME, PID, COMM, UID, DETAIL, FIELDS = SUMMARY_FIELDS };

struct summary *summary_new(void)
{
	static const char *const names[FIELDS] = {"ref", "class", "kind", "name",  "time",
						  "pid", "comm",  "uid",  "detail"};
	const struct ipc_record *record = ipc_kind_record(ipc_event_kind()), *detail;
	struct summary *summary = xcalloc(1, sizeof(*summary));
	size_t i;

	for (i = 0; i < FIELDS; i++)
		summary->fields[i] = ipc_record_find(record, names[i]);
	detail = ipc_field_record(summary->fields[DETAIL]);
	summary->bytes = ipc_record_find(detail, "bytes");
	summary->waited = ipc_record_find(detail, "waited");
	summary->room = ROOM;
	summary->buckets = xcalloc(ROOM, sizeof(struct summary_entry *));
	return summary;
}

/* ---- entries -------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *data, size_t len, uint64_t hash)
{
	while (len--)
		hash = (hash ^ (unsigned char)*data++) * UINT64_C(0x100000001b3);
	return hash;
}

static void grow(struct summary *summary)
{
	size_t room = summary->room * 2, i;
	struct summary_entry **buckets = xcalloc(room, sizeof(struct summary_entry *)), *entry;

	for (i = 0; i < summary->room; i++) {
		while ((entry = summary->buckets[i])) {
			summary->buckets[i] = entry->next_hash;
			entry->next_hash = buckets[entry->hash & (room - 1)];
			buckets[entry->hash & (room - 1)] = entry;
		}
	}
	free(summary->buckets);
	summary->buckets = buckets;
	summary->room = room;
}

static struct summary_entry *add(struct summary *summary, uint64_t hash, struct summary_entry *object)
{
	struct summary_entry *entry = xcalloc(1, sizeof(*entry));
	struct summary_entry **last = object ? &object->last : &summary->last,
			     **first = object ? &object->first : &summary->first;

	if (summary->count++ == summary->room)
		grow(summary);
	entry->hash = hash;
	entry->object = object;
	entry->next_hash = summary->buckets[hash & (summary->room - 1)];
	summary->buckets[hash & (summary->room - 1)] = entry;
	if (*last)
		(*last)->next = entry;
	else
		*first = entry;
	*last = entry;
	return entry;
}

static char *take_text(const struct ipc_value *value)
{
	struct text text = {0};

	if (value->null)
		return NULL;
	text_escaped(&text, value->str);
	text_cstr(&text);
	return text.data;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static struct summary_entry *find_object(struct summary *summary, const struct ipc_value *values)
{
	struct text *key = &summary->key;
	struct summary_entry *entry;
	uint64_t hash;

	text_clear(key);
	if (!values[REF].null)
		text_escaped(key, values[REF].str);
	else if (!values[NAME].null)
		text_escaped(key, values[NAME].str);
	hash = hash_of(text_cstr(key), key->len, UINT64_C(0xcbf29ce484222325));
	hash = hash_of(values[KIND].str.data, values[KIND].str.len, hash);
	for (entry = summary->buckets[hash & (summary->room - 1)]; entry; entry = entry->next_hash)
		if (!entry->object && entry->hash == hash && !strcmp(entry->ref, text_cstr(key)) &&
		    strlen(entry->kind) == values[KIND].str.len &&
		    !memcmp(entry->kind, values[KIND].str.data, values[KIND].str.len))
			return entry;
	entry = add(summary, hash, NULL);
	entry->ref = xstrdup(text_cstr(key));
	entry->class_name = take_text(&values[CLASS]);
	entry->kind = take_text(&values[KIND]);
	entry->name = take_text(&values[NAME]);
	return entry;
}

static struct summary_entry *find_process(struct summary *summary, struct summary_entry *object,
					  const struct ipc_value *values)
{
	int64_t pid = values[PID].null ? -1 : values[PID].i;
	char *comm = take_text(&values[COMM]);
	struct summary_entry *entry;
	uint64_t hash;

	hash = hash_of((const char *)&pid, sizeof(pid), object->hash);
	if (comm)
		hash = hash_of(comm, strlen(comm), hash);
	for (entry = summary->buckets[hash & (summary->room - 1)]; entry; entry = entry->next_hash)
		if (entry->object == object && entry->pid == pid && is_same(entry->name, comm))
			break;
	if (entry) {
		free(comm);
		return entry;
	}
	entry = add(summary, hash, object);
	entry->pid = pid;
	entry->name = comm;
	entry->has_uid = !values[UID].null;
	if (entry->has_uid)
		entry->uid = values[UID].u;
	return entry;
}

/* ---- counting ------------------------------------------------------------------------------------------------------- */

static void count(const struct summary *summary, struct summary_entry *entry, enum ipc_event_verb verb,
		  const struct ipc_value *values)
{
	struct ipc_value value;

	entry->done[verb]++;
	if (!entry->events++)
		entry->begun = values[TIME].i;
	entry->ended = values[TIME].i;
	if (verb == IPC_EVENT_SEND || verb == IPC_EVENT_RECEIVE) {
		if (!ipc_value_member(&values[DETAIL], 0, summary->bytes, &value) && !value.null)
			*(verb == IPC_EVENT_SEND ? &entry->sent : &entry->received) += value.u;
	} else if (verb == IPC_EVENT_WAIT) {
		if (++entry->waiters > entry->most_waiters)
			entry->most_waiters = entry->waiters;
	} else if (verb == IPC_EVENT_WAKE) {
		entry->waiters -= entry->waiters > 0;
		if (!ipc_value_member(&values[DETAIL], 0, summary->waited, &value) && !value.null)
			entry->waited += value.i;
	}
}

void summary_add(struct summary *summary, const struct ipc_object *event)
{
	enum ipc_event_verb verb = ipc_event_verb(event);
	struct ipc_value values[FIELDS];
	struct summary_entry *object;
	size_t i;

	for (i = 0; i < FIELDS; i++)
		ipc_object_get(event, summary->fields[i], &values[i]);
	object = find_object(summary, values);
	count(summary, object, verb, values);
	if (!values[PID].null || !values[COMM].null)
		count(summary, find_process(summary, object, values), verb, values);
}

static void entry_free(struct summary_entry *entry)
{
	free(entry->ref);
	free(entry->class_name);
	free(entry->kind);
	free(entry->name);
	free(entry);
}

struct summary *summary_free(struct summary *summary)
{
	struct summary_entry *entry;
	size_t i;

	if (!summary)
		return NULL;
	for (i = 0; i < summary->room; i++) {
		while ((entry = summary->buckets[i])) {
			summary->buckets[i] = entry->next_hash;
			entry_free(entry);
		}
	}
	free(summary->buckets);
	text_release(&summary->key);
	free(summary);
	return NULL;
}
