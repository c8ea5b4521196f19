/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink answers built by hand, and queries about sockets on a captured tree. */
#include "diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void append(struct diag_bytes *bytes, const void *data, size_t size)
{
	size_t room = (size + 3) & ~(size_t)3;

	assert_true(bytes->len + room <= sizeof(bytes->data));
	memset(bytes->data + bytes->len, 0, room);
	if (size)
		memcpy(bytes->data + bytes->len, data, size);
	bytes->len += room;
}

void diag_message(struct diag_bytes *bytes, uint16_t type, uint16_t flags, const void *payload, size_t size)
{
	struct nlmsghdr head = {
		.nlmsg_len = sizeof(head) + size, .nlmsg_type = type, .nlmsg_flags = flags | NLM_F_MULTI};

	bytes->message = (struct nlmsghdr *)(bytes->data + bytes->len);
	append(bytes, &head, sizeof(head));
	append(bytes, payload, size);
}

void diag_attribute(struct diag_bytes *bytes, uint16_t type, const void *payload, size_t size)
{
	struct nlattr head = {.nla_len = sizeof(head) + size, .nla_type = type};

	append(bytes, &head, sizeof(head));
	append(bytes, payload, size);
	bytes->message->nlmsg_len = bytes->data + bytes->len - (char *)bytes->message;
}

void diag_done(struct diag_bytes *bytes, int error)
{
	diag_message(bytes, NLMSG_DONE, 0, &error, sizeof(error));
}

int diag_setup(void **state)
{
	struct diag_fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	tree_make(&fx->tree);
	tree_host(&fx->tree, 1700000000);
	assert_int_equal(ipc_ctx_new(&fx->ctx), 0);
	assert_int_equal(ipc_ctx_set_root(fx->ctx, fx->tree.root), 0);
	*state = fx;
	return 0;
}

int diag_teardown(void **state)
{
	struct diag_fixture *fx = *state;

	ipc_set_free(fx->set);
	ipc_query_free(fx->query);
	ipc_ctx_unref(fx->ctx);
	tree_remove(&fx->tree);
	free(fx);
	return 0;
}

void diag_write(struct diag_fixture *fx, const char *name, const struct diag_bytes *bytes)
{
	char path[64];

	snprintf(path, sizeof(path), "netlink/%s.bin", name);
	tree_write_bytes(&fx->tree, path, bytes->data, bytes->len);
}

void diag_write_recorded(struct diag_fixture *fx, const char *name)
{
	static struct diag_bytes bytes;
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/netlink/%s.bin", TEST_DATA, name);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("%s is missing", path);
	bytes.len = fread(bytes.data, 1, sizeof(bytes.data), file);
	fclose(file);
	diag_write(fx, name, &bytes);
}

void diag_query(struct diag_fixture *fx, const char *what)
{
	fx->set = ipc_set_free(fx->set);
	fx->query = ipc_query_free(fx->query);
	assert_int_equal(ipc_query_new(fx->ctx, &fx->query), 0);
	assert_int_equal(ipc_query_add(fx->query, what, false), 0);
	ipc_query_want_all(fx->query);
	assert_int_equal(ipc_query_collect(fx->query, &fx->set), 0);
}

struct ipc_value diag_get(const struct ipc_object *object, const char *name)
{
	struct ipc_value value;

	assert_non_null(object);
	assert_int_equal(ipc_object_get_by_name(object, name, &value), 0);
	return value;
}

static bool is_text(const struct ipc_value *value, const char *text)
{
	return !value->null && value->type == IPC_TYPE_STRING && value->str.len == strlen(text) &&
	       memcmp(value->str.data, text, value->str.len) == 0;
}

const struct ipc_object *diag_find(struct diag_fixture *fx, const char *name, const char *value)
{
	const struct ipc_object *found = NULL;
	size_t i;

	for (i = 0; i < ipc_set_count(fx->set); i++) {
		struct ipc_value has = diag_get(ipc_set_get(fx->set, i), name);

		if (!is_text(&has, value))
			continue;
		assert_null(found);
		found = ipc_set_get(fx->set, i);
	}
	return found;
}

void diag_text(const struct ipc_object *object, const char *name, const char *text)
{
	struct ipc_value value = diag_get(object, name);

	if (!text) {
		assert_true(value.null);
		return;
	}
	if (!is_text(&value, text))
		fail_msg("%s is '%.*s', not '%s'", name, value.null ? 4 : (int)value.str.len,
			 value.null ? "null" : value.str.data, text);
}

void diag_number(const struct ipc_object *object, const char *name, uint64_t number)
{
	struct ipc_value value = diag_get(object, name);

	assert_false(value.null);
	assert_int_equal(value.u, number);
}

void diag_status(const struct ipc_object *object, const char *word)
{
	struct ipc_value value = diag_get(object, "status");
	struct ipc_bytes first = ipc_value_string(&value, 0);

	assert_int_equal(value.list.count, 1);
	assert_int_equal(first.len, strlen(word));
	assert_memory_equal(first.data, word, first.len);
}

enum ipc_match diag_match(struct diag_fixture *fx, const char *reference)
{
	enum ipc_match match;
	const char *text;

	diag_query(fx, reference);
	assert_true(ipc_query_reference(fx->query, 0, &text, &match));
	return match;
}
