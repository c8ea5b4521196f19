/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Building a query: kinds, references, wanted fields and conditions. Nothing is read here but the paths given. */
#include "query.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/units.h"

static int strings_add(struct ipc_strings *strings, const char *text)
{
	char **grown, *copy;

	copy = strdup(text);
	grown = realloc(strings->items, (strings->count + 1) * sizeof(*grown));
	if (grown)
		strings->items = grown;
	if (!copy || !grown) {
		free(copy);
		return -ENOMEM;
	}
	strings->items[strings->count++] = copy;
	return 0;
}

static void strings_release(struct ipc_strings *strings)
{
	while (strings->count > 0)
		free(strings->items[--strings->count]);
	free(strings->items);
	strings->items = NULL;
}

static int no_memory(struct ipc_query *query)
{
	return ipc_ctx_fail(query->ctx, -ENOMEM, "out of memory");
}

int ipc_query_new(struct ipc_ctx *ctx, struct ipc_query **out)
{
	struct ipc_query *query;

	query = calloc(1, sizeof(*query));
	if (!query)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	query->ctx = ipc_ctx_ref(ctx);
	query->view = IPC_VIEW_NAMED;
	query->holder_source = "none";
	*out = query;
	return 0;
}

struct ipc_query *ipc_query_free(struct ipc_query *query)
{
	size_t i;

	if (!query)
		return NULL;
	for (i = 0; i < query->target_count; i++)
		ipc_reference_release(&query->targets[i].ref);
	free(query->targets);
	free(query->target_buckets);
	for (i = 0; i < query->filter_count; i++)
		ipc_filter_free(query->filters[i]);
	free(query->filters);
	for (i = 0; i < query->problem_count; i++) {
		free(query->problems[i].what);
		free(query->problems[i].why);
	}
	free(query->problems);
	strings_release(&query->wants);
	strings_release(&query->globs);
	strings_release(&query->scans);
	strings_release(&query->places);
	free(query->holder_comm);
	free(query->kept);
	free(query->answers);
	ipc_run_unref(query->run);
	ipc_ctx_unref(query->ctx);
	free(query);
	return NULL;
}

static int copy_strings(struct ipc_strings *to, const struct ipc_strings *from)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < from->count; i++)
		r = strings_add(to, from->items[i]);
	return r;
}

static int copy_targets(struct ipc_query *to, const struct ipc_query *from)
{
	size_t i;
	int r = 0;

	to->targets = calloc(from->target_count + 1, sizeof(*to->targets));
	if (!to->targets)
		return -ENOMEM;
	for (i = 0; r == 0 && i < from->target_count; i++) {
		r = ipc_reference_copy(&from->targets[i].ref, &to->targets[i].ref);
		to->target_count += r == 0;
	}
	return r;
}

int ipc_query_copy_places(const struct ipc_query *from, struct ipc_query **out)
{
	struct ipc_query *copy;
	int r = ipc_query_new(from->ctx, &copy);

	if (r < 0)
		return r;
	copy->all_places = from->all_places;
	if (copy_strings(&copy->scans, &from->scans) < 0 || copy_strings(&copy->places, &from->places) < 0) {
		r = no_memory(copy);
		ipc_query_free(copy);
		return r;
	}
	*out = copy;
	return 0;
}

int ipc_query_copy(const struct ipc_query *from, struct ipc_query **out)
{
	struct ipc_query *copy;
	int r = ipc_query_copy_places(from, &copy);

	if (r < 0)
		return r;
	copy->view = from->view;
	memcpy(copy->named, from->named, sizeof(copy->named));
	copy->any_named = from->any_named;
	copy->holder_pid = from->holder_pid;
	if (from->holder_comm)
		copy->holder_comm = strdup(from->holder_comm);
	if ((from->holder_comm && !copy->holder_comm) || copy_strings(&copy->globs, &from->globs) < 0 ||
	    copy_targets(copy, from) < 0) {
		r = no_memory(copy);
		ipc_query_free(copy);
		return r;
	}
	*out = copy;
	return 0;
}

void ipc_query_set_view(struct ipc_query *query, enum ipc_view view)
{
	query->view = view;
}

int ipc_query_add_kind(struct ipc_query *query, const struct ipc_kind *kind)
{
	size_t index = ipc_kind_index(kind);

	if (index >= ipc_kind_count())
		return ipc_ctx_fail(query->ctx, -EINVAL, "no such kind");
	query->named[index] = true;
	query->any_named = true;
	return 0;
}

/* "mq" or "mq/sysv". Returns 1 when @text is one of them, 0 when it is none, -EINVAL when the class is right and the kind is not. */
static int add_class(struct ipc_query *query, const char *text)
{
	const struct ipc_kind *kind = NULL;
	const char *slash = strchr(text, '/');
	size_t class_len = slash ? (size_t)(slash - text) : strlen(text);
	bool class_known = false, found = false;
	struct ipc_buf kinds = {0};

	while ((kind = ipc_kind_next(kind))) {
		if (strlen(kind->cls->name) != class_len || memcmp(kind->cls->name, text, class_len) != 0)
			continue;
		class_known = true;
		ipc_buf_format(&kinds, "%s%s/%s", kinds.len ? ", " : "", kind->cls->name, kind->name);
		if (!slash || strcmp(slash + 1, kind->name) == 0) {
			ipc_query_add_kind(query, kind);
			found = true;
		}
	}
	if (class_known && !found)
		ipc_ctx_fail(query->ctx, -EINVAL, "no such kind of this class: there are %s",
			     kinds.data ? kinds.data : "");
	ipc_buf_release(&kinds);
	if (!class_known)
		return 0;
	return found ? 1 : -EINVAL;
}

static int add_reference(struct ipc_query *query, const char *text, bool literal)
{
	struct ipc_target *grown;
	struct ipc_buf why = {0};
	char cwd[PATH_MAX];
	bool gone = !getcwd(cwd, sizeof(cwd)) || cwd[0] != '/';
	int r;

	grown = realloc(query->targets, (query->target_count + 1) * sizeof(*grown));
	if (!grown)
		return no_memory(query);
	query->targets = grown;
	grown += query->target_count;
	memset(grown, 0, sizeof(*grown));
	r = ipc_reference_parse(text, literal, gone ? NULL : cwd, &grown->ref, &why);
	if (r == 0)
		query->target_count++;
	else if (r == -EINVAL)
		ipc_ctx_fail(query->ctx, r, "%s", why.data ? why.data : "not a reference");
	else
		no_memory(query);
	ipc_buf_release(&why);
	return r;
}

int ipc_query_add(struct ipc_query *query, const char *text, bool literal)
{
	int r;

	/* A class has neither a colon nor a leading / or ./ ; what has one is left to the reference parser and its hints. */
	if (*text && *text != '/' && *text != '.' && !strchr(text, ':')) {
		r = add_class(query, text);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return add_reference(query, text, literal);
}

const struct ipc_field *ipc_query_field(const char *name, unsigned *needs, void *unused)
{
	const struct ipc_field *first = NULL, *field;
	const struct ipc_class *cls = NULL;

	(void)unused;
	if (needs)
		*needs = 0;
	while ((cls = ipc_class_next(cls))) {
		field = ipc_record_find(cls->record, name);
		if (!field)
			continue;
		if (!first)
			first = field;
		if (needs)
			*needs |= field->needs;
	}
	return first;
}

int ipc_query_want(struct ipc_query *query, const char *name)
{
	char lower[64];
	size_t i;

	for (i = 0; name[i] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	lower[i] = '\0';
	if (name[i] || !ipc_query_field(lower, NULL, NULL))
		return ipc_ctx_fail(query->ctx, -ENOENT, "no kind has such a field");
	return strings_add(&query->wants, lower) < 0 ? no_memory(query) : 0;
}

void ipc_query_want_all(struct ipc_query *query)
{
	query->want_all = true;
}

int ipc_query_filter(struct ipc_query *query, const char *expression)
{
	struct ipc_filter **grown;
	struct ipc_buf why = {0};
	int r;

	grown = realloc(query->filters, (query->filter_count + 1) * sizeof(*grown));
	if (!grown)
		return no_memory(query);
	query->filters = grown;
	r = ipc_filter_parse(expression, ipc_query_field, NULL, &grown[query->filter_count], &why);
	if (r == 0)
		query->filter_count++;
	else
		ipc_ctx_fail(query->ctx, r, "%s", r == -ENOMEM ? "out of memory" : why.data);
	ipc_buf_release(&why);
	return r;
}

int ipc_query_match(struct ipc_query *query, const char *glob)
{
	return strings_add(&query->globs, glob) < 0 ? no_memory(query) : 0;
}

int ipc_query_holder(struct ipc_query *query, const char *who)
{
	uint64_t pid;
	char *copy;

	if (!*who)
		return ipc_ctx_fail(query->ctx, -EINVAL, "a holder is a pid or a command name");
	if (query->holder_pid || query->holder_comm)
		return ipc_ctx_fail(query->ctx, -EINVAL, "one holder at a time; use --filter for more");
	if (ipc_parse_uint(who, strlen(who), &pid) == 0) {
		if (pid == 0 || pid > INT32_MAX)
			return ipc_ctx_fail(query->ctx, -EINVAL, "not a process number");
		query->holder_pid = (int64_t)pid;
		return 0;
	}
	copy = strdup(who);
	if (!copy)
		return no_memory(query);
	query->holder_comm = copy;
	return 0;
}

int ipc_query_scan(struct ipc_query *query, const char *path)
{
	char *absolute;
	int r, fd;

	/* O_PATH: that it exists and is a directory, without waiting for a dead server's answer more than a look-up takes. */
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ipc_ctx_fail(query->ctx, -errno, "%s", strerror(errno));
	close(fd);
	absolute = realpath(path, NULL);
	if (!absolute)
		return ipc_ctx_fail(query->ctx, -errno, "%s", strerror(errno));
	r = strings_add(&query->scans, absolute);
	free(absolute);
	return r < 0 ? no_memory(query) : 0;
}

int ipc_query_namespace(struct ipc_query *query, const char *who)
{
	struct ipc_ns_set probe = {0};
	int r;

	/* Refused now rather than at the run, where nobody would know which word was wrong. */
	r = ipc_ns_set_of(query->ctx, who, &probe);
	ipc_ns_set_release(&probe);
	if (r < 0)
		return r;
	return strings_add(&query->places, who) < 0 ? no_memory(query) : 0;
}

void ipc_query_all_namespaces(struct ipc_query *query)
{
	query->all_places = true;
}

bool ipc_query_complete(const struct ipc_query *query)
{
	return query->problem_count == 0;
}

bool ipc_query_problem(const struct ipc_query *query, size_t index, struct ipc_problem *out)
{
	const struct ipc_problem_entry *entry;

	if (index >= query->problem_count)
		return false;
	entry = &query->problems[index];
	out->what = entry->what;
	out->error = entry->error;
	out->why = entry->why;
	out->privilege = entry->privilege;
	out->fields = entry->fields;
	return true;
}

const char *ipc_query_holder_source(const struct ipc_query *query)
{
	return query->holder_source;
}

bool ipc_query_reference(const struct ipc_query *query, size_t index, const char **text, enum ipc_match *match)
{
	if (index >= query->target_count)
		return false;
	*text = query->targets[index].ref.text;
	*match = query->targets[index].match;
	return true;
}

bool ipc_query_candidate(const struct ipc_query *query, size_t index, size_t candidate, struct ipc_bytes *ref)
{
	size_t i;

	if (index >= query->target_count)
		return false;
	for (i = 0; i < query->answer_count; i++) {
		const struct ipc_answer *answer = &query->answers[i];

		if (answer->target == index &&
		    answer->replaced == (query->targets[index].match == IPC_MATCH_REPLACED) && candidate-- == 0) {
			*ref = answer->object->ref;
			return true;
		}
	}
	return false;
}
