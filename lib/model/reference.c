// SPDX-License-Identifier: LGPL-2.1-or-later
/* References: the grammar CLASS[@NAMESPACE][+IDENTITY]:LOCATOR and the one spelling of each locator. */
#include "model/reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/nearest.h"
#include "model/reference_address.h"
#include "model/units.h"

#define BIT(locator) (1u << (locator))

/* What may stand behind the colon of each class, and how the message about anything else says so. */
struct syntax {
	const char *name;
	unsigned locators;
	const char *forms;
};

static const struct syntax syntaxes[] = {
	{"pipe", BIT(IPC_BY_NUMBER), "pipe:INODE"},
	{"fifo", BIT(IPC_BY_PATH) | BIT(IPC_BY_INODE), "fifo:/path, fifo:./path or fifo:@MAJOR:MINOR:INODE"},
	{"mq", BIT(IPC_BY_NUMBER) | BIT(IPC_BY_KEY) | BIT(IPC_BY_NAME) | BIT(IPC_BY_INODE),
	 "mq:ID, mq:0xKEY, mq:/name or mq:@MAJOR:MINOR:INODE"},
	{"shm", BIT(IPC_BY_NUMBER) | BIT(IPC_BY_KEY) | BIT(IPC_BY_NAME) | BIT(IPC_BY_FILE) | BIT(IPC_BY_INODE),
	 "shm:ID, shm:0xKEY, shm:/name, shm:file:/path or shm:@MAJOR:MINOR:INODE"},
	{"sem", BIT(IPC_BY_NUMBER) | BIT(IPC_BY_KEY) | BIT(IPC_BY_NAME) | BIT(IPC_BY_INODE) | BIT(IPC_BY_MEMORY),
	 "sem:ID, sem:0xKEY, sem:/name, sem:@MAJOR:MINOR:INODE or sem:@PID:ADDRESS"},
	{"sock", BIT(IPC_BY_NUMBER) | BIT(IPC_BY_PATH) | BIT(IPC_BY_ABSTRACT) | BIT(IPC_BY_ADDRESS),
	 "sock:INODE, sock:/path, sock:./path, sock:@abstract or sock:PROTOCOL:LOCAL[,PEER]"},
	{"signal", BIT(IPC_BY_NUMBER), "signal:PID"},
};

/* One reference being parsed. `raw` is the locator after decoding, `ref` what has been understood so far. */
struct parse {
	const char *cwd;
	const struct syntax *syntax;
	struct ipc_bytes raw;
	struct ipc_buf normal;
	struct ipc_reference ref;
	struct ipc_buf *why;
};

/* Say BEFORE'TEXT'AFTER, the text escaped. Returns -EINVAL (or -ENOMEM), for the caller to pass on. */
static int complain(struct ipc_buf *why, const char *before, struct ipc_bytes text, const char *after)
{
	if (ipc_buf_format(why, "%s'", before) || ipc_buf_escape(why, text) || ipc_buf_format(why, "'%s", after))
		return -ENOMEM;
	return -EINVAL;
}

/* "what is wrong: 'locator'; write FORMS" */
static int complain_forms(struct parse *p, const char *what)
{
	int error = complain(p->why, what, p->raw, "; write ");

	return ipc_buf_format(p->why, "%s", p->syntax->forms) ? -ENOMEM : error;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool all_digits(struct ipc_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.data[i]))
			return false;
	}
	return text.len > 0;
}

static struct ipc_bytes behind(struct ipc_bytes text, size_t skip)
{
	return (struct ipc_bytes){text.data + skip, text.len - skip};
}

/* ---- locators ---------------------------------------------------------------------------------------------------- */

int ipc_path_normalise(struct ipc_bytes path, const char *cwd, struct ipc_buf *out)
{
	struct ipc_bytes parts[2] = {ipc_bytes_of(cwd), path};
	size_t begin = out->len;

	if (ipc_bytes_starts(path, "/"))
		parts[0].len = 0;
	for (size_t part = 0; part < 2; part++) {
		const char *at = parts[part].data;
		const char *end = at + parts[part].len;

		while (at < end) {
			const char *slash = memchr(at, '/', (size_t)(end - at));
			size_t len = (size_t)((slash ? slash : end) - at);

			if (len && !(len == 1 && *at == '.')) {
				if (ipc_buf_append(out, "/", 1) || ipc_buf_append(out, at, len))
					return -ENOMEM;
			}
			at += len + (slash != NULL);
		}
	}
	return out->len == begin ? ipc_buf_append(out, "/", 1) : 0;
}

static int parse_path(struct parse *p, const char *prefix, struct ipc_bytes path, enum ipc_locator by)
{
	if (memchr(path.data, '\0', path.len))
		return complain(p->why, "a path cannot hold a NUL byte: ", path, "");
	if (!p->cwd && !ipc_bytes_starts(path, "/"))
		return complain(p->why,
				"the working directory does not exist any more; write the whole path instead of ", path,
				"");
	p->ref.by = by;
	if (ipc_buf_append(&p->normal, prefix, strlen(prefix)))
		return -ENOMEM;
	return ipc_path_normalise(path, p->cwd ? p->cwd : "/", &p->normal);
}

/* The name of a POSIX object: a path below its file system, out of which it must not lead. */
static int parse_name(struct parse *p)
{
	struct ipc_bytes rest = p->raw;
	int error = parse_path(p, "", p->raw, IPC_BY_NAME);

	if (error)
		return error;
	if (p->normal.len == 1)
		return complain_forms(p, "empty name: ");
	while (rest.len) {
		const char *slash = memchr(rest.data, '/', rest.len);
		size_t len = slash ? (size_t)(slash - rest.data) : rest.len;

		if (len == 2 && memcmp(rest.data, "..", 2) == 0)
			return complain(p->why, "a name cannot hold '..': ", p->raw, "");
		rest = behind(rest, slash ? len + 1 : len);
	}
	if (strcmp(p->syntax->name, "mq") == 0 && strchr(p->normal.data + 1, '/'))
		return complain(p->why, "the name of a queue has no slash but the first: ", p->raw, "");
	return 0;
}

static int parse_number(struct parse *p)
{
	uint64_t number;

	if (ipc_parse_uint(p->raw.data, p->raw.len, &number))
		return complain(p->why, "number too large: ", p->raw, "");
	p->ref.by = IPC_BY_NUMBER;
	return ipc_buf_format(&p->normal, "%llu", (unsigned long long)number);
}

static int parse_key(struct parse *p)
{
	uint64_t key;
	int error = ipc_parse_hex(p->raw.data, p->raw.len, &key);

	if (error == -ERANGE || (!error && key > UINT32_MAX))
		return complain(p->why, "a key has 32 bits: ", p->raw, "");
	if (error)
		return complain_forms(p, "not a key: ");
	if (key == 0)
		return complain(p->why, "", p->raw, " is IPC_PRIVATE, which names no object; use its id");
	p->ref.by = IPC_BY_KEY;
	return ipc_buf_format(&p->normal, "0x%08x", (unsigned)key);
}

/* "@MAJOR:MINOR:INODE" or "@PID:ADDRESS" */
static int parse_at(struct parse *p)
{
	struct ipc_bytes rest = behind(p->raw, 1);
	struct ipc_bytes part[3];
	uint64_t number[3];
	size_t count = 0;
	bool memory;

	for (bool more = true; more && count < 3; count++) {
		const char *colon = count < 2 && rest.len ? memchr(rest.data, ':', rest.len) : NULL;

		part[count] = (struct ipc_bytes){rest.data, colon ? (size_t)(colon - rest.data) : rest.len};
		rest = behind(rest, part[count].len + (colon != NULL));
		more = colon != NULL;
	}
	memory = count == 2 && p->syntax->locators & BIT(IPC_BY_MEMORY);
	if (!memory && (count != 3 || !(p->syntax->locators & BIT(IPC_BY_INODE))))
		return complain_forms(p, "not a locator: ");
	for (size_t i = 0; i < count; i++) {
		if (!ipc_parse_uint(part[i].data, part[i].len, &number[i]) && !(memory && i == 1))
			continue;
		if (!memory || i != 1 || ipc_parse_address(part[i], &number[i]))
			return complain_forms(p, "not a locator: ");
	}
	if (memory) {
		p->ref.by = IPC_BY_MEMORY;
		return ipc_buf_format(&p->normal, "@%llu:0x%llx", (unsigned long long)number[0],
				      (unsigned long long)number[1]);
	}
	p->ref.by = IPC_BY_INODE;
	return ipc_buf_format(&p->normal, "@%llu:%llu:%llu", (unsigned long long)number[0],
			      (unsigned long long)number[1], (unsigned long long)number[2]);
}

/* A word without a mark of what it is: say how the likely meaning is written. */
static int complain_bare(struct parse *p)
{
	const char *mark = p->syntax->locators & BIT(IPC_BY_PATH) ? "./" : "/";
	int error;

	if (!(p->syntax->locators & (BIT(IPC_BY_PATH) | BIT(IPC_BY_NAME))) || ipc_path_begins(p->raw) ||
	    memchr(p->raw.data, ':', p->raw.len))
		return complain_forms(p, "not a locator: ");
	error = complain(p->why, "a name needs its slash: ", p->raw, "; write ");
	if (ipc_buf_format(p->why, "%s:%s", p->syntax->name, mark) || ipc_buf_escape(p->why, p->raw))
		return -ENOMEM;
	return error;
}

static int parse_locator(struct parse *p)
{
	unsigned may = p->syntax->locators;
	struct ipc_bytes raw = p->raw;

	if (!raw.len)
		return ipc_buf_format(p->why, "empty locator; write %s", p->syntax->forms) ? -ENOMEM : -EINVAL;
	if (raw.data[0] == '@' && may & BIT(IPC_BY_ABSTRACT)) {
		p->ref.by = IPC_BY_ABSTRACT;
		return ipc_buf_append(&p->normal, raw.data, raw.len);
	}
	if (raw.data[0] == '@')
		return parse_at(p);
	if (raw.data[0] == '/' && may & BIT(IPC_BY_NAME))
		return parse_name(p);
	if (may & BIT(IPC_BY_PATH) && ipc_path_begins(raw))
		return parse_path(p, "", raw, IPC_BY_PATH);
	if (may & BIT(IPC_BY_FILE) && ipc_bytes_starts(raw, "file:") && ipc_path_begins(behind(raw, 5)))
		return parse_path(p, "file:", behind(raw, 5), IPC_BY_FILE);
	if (may & BIT(IPC_BY_KEY) && (ipc_bytes_starts(raw, "0x") || ipc_bytes_starts(raw, "0X")))
		return parse_key(p);
	if (may & BIT(IPC_BY_NUMBER) && all_digits(raw))
		return parse_number(p);
	if (may & BIT(IPC_BY_ADDRESS) && ipc_socket_address_begins(raw)) {
		p->ref.by = IPC_BY_ADDRESS;
		return ipc_socket_address_normalise(raw, &p->normal, p->why);
	}
	return complain_bare(p);
}

/* ---- what stands before the colon -------------------------------------------------------------------------------- */

static bool class_known(const char *name, void *data)
{
	const struct syntax **found = data;

	for (size_t i = 0; i < sizeof(syntaxes) / sizeof(syntaxes[0]); i++) {
		if (strcmp(syntaxes[i].name, name) == 0) {
			*found = &syntaxes[i];
			return true;
		}
	}
	return false;
}

/* A class whose name is the beginning of @word ("socket", "semaphore"), or one that is mistyped by a letter. */
static const struct syntax *class_meant(const char *word)
{
	const struct syntax *found = NULL;
	char near[IPC_NEAREST_SIZE];

	for (size_t i = 0; i < sizeof(syntaxes) / sizeof(syntaxes[0]); i++) {
		if (strncmp(word, syntaxes[i].name, strlen(syntaxes[i].name)) == 0)
			return &syntaxes[i];
	}
	return ipc_nearest(word, class_known, &found, near) ? found : NULL;
}

static int complain_class(struct parse *p, struct ipc_bytes name)
{
	const char *slash = memchr(name.data, '/', name.len);
	const struct syntax *meant;
	char word[IPC_NEAREST_SIZE];
	int error;

	if (slash)
		return complain(p->why, "a reference names no kind; before the colon write ",
				(struct ipc_bytes){name.data, (size_t)(slash - name.data)}, "");
	error = complain(p->why, "unknown class ", name, "");
	if (error != -EINVAL)
		return error;
	snprintf(word, sizeof(word), "%.*s", (int)(name.len < sizeof(word) ? name.len : sizeof(word) - 1), name.data);
	meant = class_meant(word);
	if (meant && ipc_buf_format(p->why, " (did you mean '%s'?)", meant->name))
		return -ENOMEM;
	if (ipc_buf_format(p->why, "; there are"))
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(syntaxes) / sizeof(syntaxes[0]); i++) {
		if (ipc_buf_format(p->why, "%s %s", i ? "," : "", syntaxes[i].name))
			return -ENOMEM;
	}
	return -EINVAL;
}

/* "CLASS[@NAMESPACE][+IDENTITY]" */
static int parse_head(struct parse *p, struct ipc_bytes head)
{
	const char *plus = memchr(head.data, '+', head.len);
	struct ipc_bytes front = {head.data, plus ? (size_t)(plus - head.data) : head.len};
	const char *at = memchr(front.data, '@', front.len);
	struct ipc_bytes name = {front.data, at ? (size_t)(at - front.data) : front.len};

	for (size_t i = 0; i < sizeof(syntaxes) / sizeof(syntaxes[0]); i++) {
		if (ipc_bytes_equal(name, ipc_bytes_of(syntaxes[i].name)))
			p->syntax = &syntaxes[i];
	}
	if (!p->syntax)
		return complain_class(p, name);
	snprintf(p->ref.class_name, sizeof(p->ref.class_name), "%s", p->syntax->name);
	if (at) {
		struct ipc_bytes ns = behind(front, name.len + 1);

		if (ipc_parse_uint(ns.data, ns.len, &p->ref.ns) || p->ref.ns == 0)
			return complain(p->why, "a namespace is given by its inode number: ", ns, "");
	}
	if (plus) {
		struct ipc_bytes identity = behind(head, front.len + 1);

		for (size_t i = 0; i < identity.len; i++) {
			char c = identity.data[i];

			if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '.')
				return complain(p->why, "not an identity as in a handle: ", identity, "");
		}
		if (!identity.len)
			return complain(p->why, "empty identity in ", head, "");
		p->ref.identity = strndup(identity.data, identity.len);
		if (!p->ref.identity)
			return -ENOMEM;
	}
	return 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

bool ipc_path_begins(struct ipc_bytes text)
{
	return ipc_bytes_starts(text, "/") || ipc_bytes_starts(text, "./") || ipc_bytes_starts(text, "../");
}

static int decode(struct parse *p, const char *text, size_t offset, bool literal, struct ipc_buf *decoded)
{
	const char *locator = text + offset;
	size_t bad = 0;
	int error;

	if (literal)
		error = ipc_buf_append(decoded, locator, strlen(locator));
	else
		error = ipc_unescape(locator, strlen(locator), decoded, &bad);
	if (error != -EINVAL) {
		p->raw = (struct ipc_bytes){decoded->data, decoded->len};
		return error;
	}
	if (ipc_buf_format(p->why, "bad escape at offset %zu: only \\xHH is understood; write a backslash as \\x5c",
			   offset + bad))
		return -ENOMEM;
	return -EINVAL;
}

static int parse_whole(struct parse *p, const char *text, bool literal, struct ipc_buf *decoded)
{
	/* A path on its own: whether it is a FIFO or a socket file is for the file system to say. */
	static const struct syntax bare = {"", BIT(IPC_BY_PATH), "/path or ./path"};
	const char *colon = strchr(text, ':');
	int error;

	if (!*text)
		return ipc_buf_format(p->why, "empty reference; write CLASS:LOCATOR") ? -ENOMEM : -EINVAL;
	if (ipc_path_begins(ipc_bytes_of(text))) {
		p->syntax = &bare;
		error = decode(p, text, 0, literal, decoded);
	} else if (!colon) {
		return complain(p->why, "", ipc_bytes_of(text),
				" is no class and no reference; write CLASS:LOCATOR, or ./NAME for a file");
	} else {
		error = parse_head(p, (struct ipc_bytes){text, (size_t)(colon - text)});
		if (!error)
			error = decode(p, text, (size_t)(colon + 1 - text), literal, decoded);
	}
	return error ? error : parse_locator(p);
}

int ipc_reference_parse(const char *text, bool literal, const char *cwd, struct ipc_reference *out, struct ipc_buf *why)
{
	struct parse p = {.cwd = cwd, .why = why};
	struct ipc_buf decoded = {0};
	int error;

	p.ref.text = strdup(text);
	error = p.ref.text ? parse_whole(&p, text, literal, &decoded) : -ENOMEM;
	ipc_buf_release(&decoded);
	p.ref.locator = (struct ipc_bytes){p.normal.data, p.normal.len};
	if (error)
		ipc_reference_release(&p.ref);
	else
		*out = p.ref;
	return error;
}

int ipc_reference_copy(const struct ipc_reference *ref, struct ipc_reference *out)
{
	struct ipc_reference copy = *ref;
	char *locator = malloc(ref->locator.len + 1);

	copy.text = strdup(ref->text);
	copy.identity = ref->identity ? strdup(ref->identity) : NULL;
	copy.locator.data = locator;
	if (!locator || !copy.text || (ref->identity && !copy.identity)) {
		ipc_reference_release(&copy);
		return -ENOMEM;
	}
	memcpy(locator, ref->locator.data, ref->locator.len);
	locator[ref->locator.len] = '\0';
	*out = copy;
	return 0;
}

void ipc_reference_release(struct ipc_reference *ref)
{
	free(ref->text);
	free(ref->identity);
	free((char *)ref->locator.data);
	*ref = (struct ipc_reference){0};
}
