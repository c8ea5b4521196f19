/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink answers built by hand, and queries about sockets on a captured tree. */
#ifndef TESTS_UNIT_DIAG_H
#define TESTS_UNIT_DIAG_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ipctool/ipctool.h>

#include "tree.h"

/* A dump being built; zero-initialised is empty. Large enough for any test. */
struct diag_bytes {
	_Alignas(8) char data[512 * 1024];
	size_t len;
	struct nlmsghdr *message; /* the last one */
};

void diag_message(struct diag_bytes *bytes, uint16_t type, uint16_t flags, const void *payload, size_t size);
/* An attribute of the last message. */
void diag_attribute(struct diag_bytes *bytes, uint16_t type, const void *payload, size_t size);
void diag_done(struct diag_bytes *bytes, int error);

struct diag_fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_query *query;
	struct ipc_set *set;
};

/* cmocka setup and teardown: an empty captured host. */
int diag_setup(void **state);
int diag_teardown(void **state);
/* The dump becomes netlink/NAME.bin of the tree. */
void diag_write(struct diag_fixture *fx, const char *name, const struct diag_bytes *bytes);
/* A recorded dump does. */
void diag_write_recorded(struct diag_fixture *fx, const char *name);
/* Run a query about @what with all fields; the objects are in fx->set. */
void diag_query(struct diag_fixture *fx, const char *what);
/* The same for one reference: how it fared. */
enum ipc_match diag_match(struct diag_fixture *fx, const char *reference);
/* The object whose field @name is the text @value, NULL when there is none; fails when there are several. */
const struct ipc_object *diag_find(struct diag_fixture *fx, const char *name, const char *value);
struct ipc_value diag_get(const struct ipc_object *object, const char *name);
/* Assert that field @name is @text, or null for NULL. */
void diag_text(const struct ipc_object *object, const char *name, const char *text);
void diag_number(const struct ipc_object *object, const char *name, uint64_t number);
void diag_status(const struct ipc_object *object, const char *word);

#endif
