/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making objects: which kind a reference means, and what is done about one that is there already. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "change.h"
#include "model/reference.h"
#include "query.h"
#include "sources/mounts.h"
#include "sources/namespaces.h"
#include "sources/umask_call.h"
#include "sources/unlink.h"

#define MODE_DEFAULT 0666u

struct ipc_made {
	struct ipc_ctx *ctx;
	char *reference;
	bool existed;
	int fd, dir; /* of a socket, and of the directory that its file is in; -1 */
	char *file;
	uint64_t inode;
	int64_t birth; /* of the file: some file systems give an inode number out again at once */
};

/* ---- which kind -------------------------------------------------------------------------------------------------- */

/* An address begins with the name of its kind. */
static bool is_address_of(const struct ipc_kind *kind, const struct ipc_reference *ref)
{
	size_t len = strlen(kind->name);

	return ref->locator.len > len && memcmp(ref->locator.data, kind->name, len) == 0 &&
	       ref->locator.data[len] == ':';
}

/* Does @kind make what a reference of this shape names? */
static bool makes(const struct ipc_kind *kind, const struct ipc_reference *ref)
{
	return strcmp(kind->cls->name, ref->class_name) == 0 && kind->changes->creates_by & 1u << ref->by &&
	       (ref->by != IPC_BY_ADDRESS || is_address_of(kind, ref));
}

/* May such a reference name an object of @kind? */
static bool may_have(const struct ipc_kind *kind, const struct ipc_reference *ref)
{
	return (!kind->locators || kind->locators & 1u << ref->by) &&
	       (ref->by != IPC_BY_ADDRESS || is_address_of(kind, ref));
}

/* Nothing is made of a reference of this shape: the sentence of the kind that has such objects, or what to write. */
static int refuse_shape(struct ipc_ctx *ctx, const struct ipc_reference *ref)
{
	const struct ipc_kind *kind = NULL, *without = NULL;
	bool any = false;

	while ((kind = ipc_kind_next(kind))) {
		if (strcmp(kind->cls->name, ref->class_name) != 0)
			continue;
		if (!kind->changes->refuse[IPC_VERB_CREATE])
			any = true;
		else if (!without && may_have(kind, ref))
			without = kind;
	}
	/* A number may be that of any kind of the class: one that cannot be made is no more likely than one that can. */
	if (any && ref->by == IPC_BY_NUMBER)
		return ipc_ctx_fail(ctx, -EINVAL, "numbers are given by the kernel; name it, or write the kind alone");
	if (without)
		return ipc_ctx_fail(ctx, -ENOTSUP, "%s", without->changes->refuse[IPC_VERB_CREATE]);
	if (!any)
		return ipc_ctx_fail(ctx, -EINVAL, "say what to make: fifo:PATH or sock:PATH");
	return ipc_ctx_fail(ctx, -EINVAL, "nothing can be made of a reference of this form");
}

static int kind_of_reference(struct ipc_ctx *ctx, const struct ipc_reference *ref, const struct ipc_kind **out)
{
	const struct ipc_kind *kind = NULL;

	if (ref->ns)
		return ipc_ctx_fail(ctx, -EINVAL, "objects are made in the caller's namespaces alone; see nsenter(1)");
	if (ref->identity)
		return ipc_ctx_fail(ctx, -EINVAL, "a new object has no identity yet; leave the + out");
	while ((kind = ipc_kind_next(kind))) {
		if (makes(kind, ref)) {
			*out = kind;
			return 0;
		}
	}
	return refuse_shape(ctx, ref);
}

/* "CLASS/KIND", or "CLASS" where a key says which kind is meant. */
static int kind_of_word(struct ipc_ctx *ctx, const char *text, bool keyed, const struct ipc_kind **out)
{
	size_t len = strcspn(text, "/");
	const struct ipc_kind *kind = NULL, *unnamed = NULL, *first = NULL, *exact = NULL;

	while ((kind = ipc_kind_next(kind))) {
		if (strncmp(kind->cls->name, text, len) != 0 || kind->cls->name[len])
			continue;
		if (!first)
			first = kind;
		if (kind->changes->creates_unnamed)
			unnamed = kind;
		if (text[len] && strcmp(kind->name, text + len + 1) == 0)
			exact = kind;
	}
	if (!first)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "neither a class nor a reference; write mq/sysv, mq:/name or fifo:./path");
	if (text[len] && !exact)
		return ipc_ctx_fail(ctx, -EINVAL, "there is no such kind of %s", first->cls->name);
	if (exact ? exact->changes->creates_unnamed : unnamed && keyed) {
		*out = exact ? exact : unnamed;
		return 0;
	}
	if (exact || !unnamed) {
		kind = exact ? exact : first;
		if (kind->changes->refuse[IPC_VERB_CREATE])
			return ipc_ctx_fail(ctx, -ENOTSUP, "%s", kind->changes->refuse[IPC_VERB_CREATE]);
		return ipc_ctx_fail(ctx, -EINVAL, "it needs a name: %s:%s", kind->cls->name,
				    kind->changes->creation_example ? kind->changes->creation_example : "/name");
	}
	return ipc_ctx_fail(ctx, -EINVAL, "write %s/%s for one without a name, or %s:/name", unnamed->cls->name,
			    unnamed->name, unnamed->cls->name);
}

static bool is_reference(const char *text)
{
	return strchr(text, ':') || ipc_path_begins(ipc_bytes_of(text));
}

/* ---- one that is there already ----------------------------------------------------------------------------------- */

/* The number given for @setting, in the terms of its field. */
static uint64_t given(const struct ipc_settings *settings, unsigned bit)
{
	switch (bit) {
	case IPC_SET_MODE:
		return settings->mode;
	case IPC_SET_OWNER:
		return settings->owner;
	case IPC_SET_GROUP:
		return settings->group;
	case IPC_SET_SIZE:
		return settings->size;
	case IPC_SET_KEY:
	case IPC_SET_FTOK:
		return settings->key;
	case IPC_SET_MAX_BYTES:
		return settings->max_bytes;
	case IPC_SET_MAX_MESSAGES:
		return settings->max_messages;
	case IPC_SET_MESSAGE_SIZE:
		return settings->message_size;
	case IPC_SET_NUMBER:
		return settings->number;
	case IPC_SET_CAPACITY:
		return settings->capacity;
	case IPC_SET_BACKLOG:
		return settings->backlog;
	default:
		return IPC_UNKNOWN;
	}
}

static bool is_same(const struct ipc_value *value, const struct ipc_settings *settings, unsigned bit)
{
	if (bit == IPC_SET_TYPE)
		return ipc_bytes_equal(value->str, ipc_bytes_of(ipc_socket_type_name(settings->type)));
	return value->u == given(settings, bit);
}

static int compare(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	const struct ipc_setting *setting = NULL;
	struct ipc_value value;

	while ((setting = ipc_setting_next(setting))) {
		if (!ipc_settings_has(settings, setting) || !setting->field)
			continue;
		if (ipc_object_get_by_name(object, setting->field, &value) || value.null)
			return ipc_ctx_fail(ctx, -EEXIST, "exists, and its %s cannot be compared", setting->name);
		if (!is_same(&value, settings, setting->bit))
			return ipc_ctx_fail(ctx, -EEXIST, "exists with another %s", setting->name);
	}
	return 0;
}

/* Why nothing answered: it has gone since (-ENOENT), or something else is there, or may not be looked at. */
static int explain_missing(struct ipc_ctx *ctx, const struct ipc_query *query)
{
	enum ipc_match match = IPC_MATCH_NONE;
	const char *text;

	ipc_query_reference(query, 0, &text, &match);
	switch (match) {
	case IPC_MATCH_WRONG_TYPE:
		return ipc_ctx_fail(ctx, -EEXIST, "exists, but is something else");
	case IPC_MATCH_DENIED:
		return ipc_ctx_fail(ctx, -EACCES, "exists, but may not be looked at");
	case IPC_MATCH_MANY:
		return ipc_ctx_fail(ctx, -EEXIST, "several objects answer to it");
	default:
		return -ENOENT;
	}
}

/* The one of this kind that answers to @reference; -ENOENT when it has gone since. */
static int find_existing(const struct ipc_creation *creation, const char *reference, struct ipc_set **out)
{
	const struct ipc_setting *setting = NULL;
	struct ipc_query *query;
	struct ipc_set *set = NULL;
	int r = ipc_query_new(creation->ctx, &query);

	if (r)
		return r;
	while (r == 0 && (setting = ipc_setting_next(setting)))
		if (setting->field && ipc_settings_has(creation->settings, setting))
			r = ipc_query_want(query, setting->field);
	if (r == 0)
		r = ipc_query_add(query, reference, false);
	if (r == 0)
		r = ipc_query_collect(query, &set);
	if (r == 0 && ipc_set_count(set) == 1) {
		*out = set;
	} else if (r == 0) {
		ipc_set_free(set);
		r = explain_missing(creation->ctx, query);
	}
	ipc_query_free(query);
	return r;
}

/* @reference is then the one that it is printed with. */
static int accept_existing(const struct ipc_creation *creation, struct ipc_buf *reference)
{
	const struct ipc_object *object;
	struct ipc_set *set = NULL;
	int r = find_existing(creation, reference->data, &set);

	if (r)
		return r;
	object = ipc_set_get(set, 0);
	r = object->of_kind == creation->kind ? compare(creation->ctx, object, creation->settings)
					      : ipc_ctx_fail(creation->ctx, -EEXIST, "exists, but is of another kind");
	if (r == 0) {
		ipc_buf_clear(reference);
		if (ipc_buf_escape(reference, object->ref))
			r = ipc_ctx_fail(creation->ctx, -ENOMEM, "out of memory");
	}
	ipc_set_free(set);
	return r;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static int call_create(void *data, mode_t mask)
{
	struct ipc_creation *creation = data;

	creation->umask = mask;
	creation->mode =
		creation->settings->given & IPC_SET_MODE ? (mode_t)creation->settings->mode : MODE_DEFAULT & ~mask;
	return creation->kind->changes->create(creation);
}

static void forget(struct ipc_creation *creation)
{
	ipc_buf_clear(&creation->locator);
	ipc_buf_clear(&creation->file);
	creation->fd = creation->dir = -1;
}

static int append_reference(struct ipc_buf *out, const struct ipc_creation *creation)
{
	int r;

	ipc_buf_clear(out);
	r = ipc_buf_format(out, "%s:", creation->kind->cls->name);
	return r ? r : ipc_buf_escape(out, (struct ipc_bytes){creation->locator.data, creation->locator.len});
}

#define TRIES 4 /* it may come and go between our looks */

static int make(struct ipc_creation *creation, struct ipc_buf *reference, bool *existed)
{
	int r, tries = TRIES;

	do {
		forget(creation);
		*existed = false;
		r = ipc_umask_call(call_create, creation);
		if (r && r != -EEXIST)
			return r;
		if (creation->locator.len && append_reference(reference, creation) < 0)
			return ipc_ctx_fail(creation->ctx, -ENOMEM, "out of memory");
		if (r == -EEXIST && creation->flags & IPC_CREATE_EXIST_OK && creation->locator.len) {
			*existed = true;
			r = accept_existing(creation, reference);
		}
	} while (r == -ENOENT && --tries);
	return r == -ENOENT ? ipc_ctx_fail(creation->ctx, -EAGAIN, "it comes and goes too fast to be looked at") : r;
}

static int check(const struct ipc_creation *creation)
{
	const struct ipc_changes *changes = creation->kind->changes;
	unsigned missing = changes->create_needs & ~creation->settings->given;
	char names[160];
	int r = ipc_change_allowed(creation->ctx, creation->kind, IPC_VERB_CREATE);

	if (r == 0)
		r = ipc_change_takes(creation->ctx, creation->kind, IPC_VERB_CREATE, creation->settings,
				     changes->create_takes);
	if (r == 0 && missing)
		r = ipc_ctx_fail(creation->ctx, -EINVAL, "%s/%s needs: %s", creation->kind->cls->name,
				 creation->kind->name, ipc_settings_names(missing, names, sizeof(names)));
	return r;
}

static int64_t birth_of(const struct ipc_creation *creation)
{
	struct ipc_file file;

	if (creation->dir < 0 || ipc_file_stat(NULL, creation->dir, creation->file.data, false, &file) < 0 ||
	    file.inode != creation->inode)
		return IPC_UNKNOWN_INT;
	return file.birth;
}

static void hand_over(struct ipc_creation *creation, struct ipc_buf *reference, bool existed, struct ipc_made *made)
{
	*made = (struct ipc_made){
		.ctx = ipc_ctx_ref(creation->ctx),
		.reference = reference->data,
		.existed = existed,
		.fd = creation->fd,
		.dir = creation->dir,
		.file = creation->file.data,
		.inode = creation->inode,
		.birth = birth_of(creation),
	};
	*reference = creation->file = (struct ipc_buf){0};
}

static int create(struct ipc_creation *creation, struct ipc_made **out)
{
	struct ipc_made *made = calloc(1, sizeof(*made)); /* first: what is there cannot be lost for lack of memory */
	struct ipc_buf reference = {0};
	bool existed;
	int r = made ? check(creation) : ipc_ctx_fail(creation->ctx, -ENOMEM, "out of memory");

	if (r == 0)
		r = make(creation, &reference, &existed);
	if (r == 0) {
		hand_over(creation, &reference, existed, made);
		*out = made;
	} else {
		free(made);
	}
	ipc_buf_release(&reference);
	ipc_buf_release(&creation->locator);
	ipc_buf_release(&creation->file);
	return r;
}

static int parse_reference(struct ipc_ctx *ctx, const char *text, bool literal, struct ipc_reference *out)
{
	char *cwd = getcwd(NULL, 0); /* begins otherwise when it cannot be reached from the root */
	struct ipc_buf why = {0};
	int r = ipc_reference_parse(text, literal, cwd && *cwd == '/' ? cwd : NULL, out, &why);

	free(cwd);
	if (r)
		ipc_ctx_fail(ctx, r, "%s", why.len ? why.data : "out of memory");
	ipc_buf_release(&why);
	return r;
}

/* What ipc_create() is asked for. */
struct order {
	struct ipc_ctx *ctx;
	const char *text;
	bool literal;
	const struct ipc_settings *settings;
	unsigned flags;
	struct ipc_made **out;
};

static int fulfil(void *data)
{
	static const struct ipc_settings none;
	const struct order *order = data;
	struct ipc_ctx *ctx = order->ctx;
	struct ipc_creation creation = {
		.ctx = ctx, .settings = order->settings ? order->settings : &none, .flags = order->flags};
	struct ipc_reference ref = {0};
	bool keyed = creation.settings->given & (IPC_SET_KEY | IPC_SET_FTOK);
	int r;

	if (is_reference(order->text)) {
		r = parse_reference(ctx, order->text, order->literal, &ref);
		if (r == 0)
			r = kind_of_reference(ctx, &ref, &creation.kind);
		creation.ref = &ref;
	} else {
		r = kind_of_word(ctx, order->text, keyed, &creation.kind);
	}
	if (r == 0 && ref.by == IPC_BY_KEY && ref.text && keyed)
		r = ipc_ctx_fail(ctx, -EINVAL, "the key is given twice");
	if (r == 0)
		r = create(&creation, order->out);
	ipc_reference_release(&ref);
	return r;
}

/* A callback of a query may stand in another namespace. */
int ipc_create(struct ipc_ctx *ctx, const char *text, bool literal, const struct ipc_settings *settings, unsigned flags,
	       struct ipc_made **out)
{
	struct order order = {ctx, text, literal, settings, flags, out};

	return ipc_ns_at_home(ctx, fulfil, &order);
}

/* ---- what was made ----------------------------------------------------------------------------------------------- */

const char *ipc_made_reference(const struct ipc_made *made)
{
	return made->reference;
}

bool ipc_made_existed(const struct ipc_made *made)
{
	return made->existed;
}

int ipc_made_fd(const struct ipc_made *made)
{
	return made->fd;
}

static bool is_that_file(int fd, const void *data)
{
	const struct ipc_made *made = data;
	struct ipc_file file;

	return ipc_file_stat(NULL, fd, "", false, &file) == 0 && file.inode == made->inode && file.birth == made->birth;
}

int ipc_made_unlink(struct ipc_made *made)
{
	const struct ipc_unlinking what = {.ctx = made->ctx,
					   .dir = made->dir,
					   .name = made->file,
					   .inode = made->inode,
					   .same = is_that_file,
					   .data = made,
					   .rename = true};

	return made->dir < 0 ? 0 : ipc_unlink_same(&what);
}

struct ipc_made *ipc_made_free(struct ipc_made *made)
{
	if (made) {
		if (made->fd >= 0)
			close(made->fd);
		if (made->dir >= 0)
			close(made->dir);
		ipc_ctx_unref(made->ctx);
		free(made->reference);
		free(made->file);
		free(made);
	}
	return NULL;
}
