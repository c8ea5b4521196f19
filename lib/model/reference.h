/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* References: CLASS[@NAMESPACE][+IDENTITY]:LOCATOR, parsed and brought to the one spelling that objects print. */
#ifndef IPC_MODEL_REFERENCE_H
#define IPC_MODEL_REFERENCE_H

#include <ipctool/ipctool.h>

#include "model/bytes.h"

/*
 * The locator in the spelling that kinds use in their names() (so that comparing bytes is enough):
 *   numbers decimal without leading zeros; keys 0x%08x; @MAJOR:MINOR:INODE and @PID:0xADDRESS in that form;
 *   internet addresses as inet_ntop prints them, IPv6 in brackets, with a zone (an interface that the socket is bound
 *   to) behind the address and inside the brackets: tcp:127.0.0.1:80,127.0.0.1:4711 udp:127.0.0.53%lo:53
 *   tcp:[::1%lo]:80;
 *   netlink, packet, vsock and xdp addresses as they stand;
 *   paths and names of POSIX objects absolute, without "//", "/./" and a trailing slash; ".." is kept in paths (it may
 *   pass a symbolic link) and refused in names.
 */
enum ipc_locator {
	IPC_BY_NUMBER,
	IPC_BY_KEY,
	IPC_BY_NAME,     /* mq, shm, sem: /name */
	IPC_BY_PATH,     /* fifo:/p sock:/p */
	IPC_BY_FILE,     /* shm:file:/path; the locator begins with "file:" */
	IPC_BY_ABSTRACT, /* sock:@name; the locator begins with "@" */
	IPC_BY_ADDRESS,  /* sock:tcp:... */
	IPC_BY_INODE,    /* @MAJOR:MINOR:INODE */
	IPC_BY_MEMORY,   /* sem:@PID:ADDRESS */
};

struct ipc_reference {
	char *text;         /* as given */
	char class_name[8]; /* "mq"; "" for a bare path: a FIFO or a socket file */
	uint64_t ns;        /* inode of the namespace, 0 when not given */
	char *identity;     /* NULL when not given */
	enum ipc_locator by;
	struct ipc_bytes locator; /* normalised; owned */
};

/*
 * Parse @text. @literal: no \xHH decoding. @cwd: absolute directory for relative paths; NULL: it is gone.
 * Returns 0, -ENOMEM, or -EINVAL with one line in @why (appended): what is wrong and what to write instead.
 * "mq", "mq/sysv" (no colon, no leading / or ./) are not references: the caller looks at those first.
 */
int ipc_reference_parse(const char *text, bool literal, const char *cwd, struct ipc_reference *out,
			struct ipc_buf *why);
/* @out is a copy of its own. Returns 0 or -ENOMEM. */
int ipc_reference_copy(const struct ipc_reference *ref, struct ipc_reference *out);
void ipc_reference_release(struct ipc_reference *ref);

/* Does @text begin as a path must: with "/", "./" or "../"? */
bool ipc_path_begins(struct ipc_bytes text);
/* Append @path in the normal form above; a relative one is taken from @cwd. Returns 0 or -ENOMEM. */
int ipc_path_normalise(struct ipc_bytes path, const char *cwd, struct ipc_buf *out);

#endif
