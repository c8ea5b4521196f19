/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether anybody asked for an event: by the kind of its object, a reference, a pattern, a namespace, or by who did it. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classes/list.h"
#include "events/monitor.h"
#include "sources/procfs.h"

/* One that came later than the monitor. What a process is in is not always what its object is in: then no path leads there. */
static const struct ipc_ns *learn_namespace(struct ipc_monitor *monitor, enum ipc_ns_type type,
					    const struct ipc_raw *raw)
{
	struct ipc_ns_set *places = &monitor->query->run->places;
	int64_t pid = IPC_UNKNOWN_INT;
	uint64_t inode = 0;
	char path[64];

	snprintf(path, sizeof(path), "%" PRIu32 "/ns/%s", raw->pid, ipc_ns_type_name(type));
	if (raw->pid && ipc_proc_inode_link(monitor->ctx, &inode, "%s", path) == 0 && inode == raw->ns)
		pid = raw->pid;
	if (ipc_ns_set_add(places, type, raw->ns, false, pid, pid == IPC_UNKNOWN_INT ? "" : path) < 0)
		return NULL;
	return ipc_ns_set_find(places, type, raw->ns);
}

const struct ipc_ns *ipc_event_place(struct ipc_monitor *monitor, const struct ipc_kind *kind,
				     const struct ipc_raw *raw)
{
	const struct ipc_ns *ns = ipc_ns_set_find(&monitor->query->run->places, kind->ns, raw->ns);

	if (ns || !monitor->query->all_places || !raw->ns)
		return ns;
	return learn_namespace(monitor, kind->ns, raw);
}

/* The programs in the kernel let through what comes and goes whoever does it, for the book has to know. */
bool ipc_event_by_wanted(const struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	const struct ipc_settings *settings = &monitor->settings;
	uint32_t i;

	/* Of what comes the programs tell even when it is the watcher's. */
	if (raw->pid && raw->pid == settings->self)
		return false;
	if (settings->group && raw->group == settings->group)
		return false;
	if (settings->pid && raw->pid != settings->pid)
		return false;
	if (settings->has_comm && strncmp(raw->comm, settings->comm, sizeof(raw->comm)) != 0)
		return false;
	for (i = 0; i < settings->uid_count; i++)
		if (settings->uids[i] == raw->uid)
			return true;
	return settings->uid_count == 0;
}

/* Of what is shown without being asked for by name only the first open and the last close are. */
bool ipc_event_wanted(const struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_event_verb verb)
{
	if (!(monitor->verbs[raw->kind] & IPC_EVENT_BIT(verb)))
		return false;
	if (verb == IPC_EVENT_OPEN && monitor->settings.edges[raw->kind])
		return raw->has & IPC_RAW_FIRST;
	if (verb == IPC_EVENT_CLOSE && monitor->settings.edges[raw->kind])
		return raw->has & IPC_RAW_LAST;
	return true;
}

/* Globs speak of the name as printed. */
static bool matches_globs(const struct ipc_query *query, struct ipc_bytes name)
{
	char text[4 * 256], *long_text = NULL;
	bool matches = false;
	size_t len, i;

	if (!query->globs.count)
		return true;
	if (!name.data)
		return false;
	len = ipc_escape(name.data, name.len, text, sizeof(text));
	if (len >= sizeof(text)) {
		long_text = malloc(len + 1);
		if (!long_text)
			return false;
		ipc_escape(name.data, name.len, long_text, len + 1);
	}
	for (i = 0; !matches && i < query->globs.count; i++)
		matches = fnmatch(query->globs.items[i], long_text ? long_text : text, 0) == 0;
	free(long_text);
	return matches;
}

int ipc_event_selects(struct ipc_monitor *monitor, const struct ipc_object *object, bool *selected)
{
	struct ipc_query *query = monitor->query;
	int error = 0;

	*selected = monitor->selects[ipc_kind_index(object->of_kind)] && !(object->in && object->in->targets_only);
	if (!*selected && query->target_count) {
		query->answer_count = 0;
		/* Of several objects that answer to one reference all are told of. */
		*selected = ipc_names_answer(query->run, (struct ipc_object *)object, &error);
	}
	*selected = *selected && matches_globs(query, object->name);
	return error == -ENOMEM ? error : 0;
}
