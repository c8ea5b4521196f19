/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of a rule, and what their words mean. What could match nothing is refused: it protects nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/nearest.h"
#include "model/units.h"
#include "policy/policy.h"

#define KEY_LAST UINT32_MAX
#define UID_LAST (UINT32_MAX - 1)
#define BLANKS " \t"

typedef int (*put_fn)(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why);

/* What was appended to a text is the reason, unless there was no room for it. */
static int refused(int error)
{
	return error ? error : -EINVAL;
}

/* "'shn' is no class (did you mean 'shm'?)" */
static int refuse_word(struct ipc_bytes word, const char *what, ipc_nearest_known known, struct ipc_buf *why)
{
	char near[IPC_NEAREST_SIZE], copy[IPC_NEAREST_SIZE];
	int r = ipc_buf_format(why, "'%.*s' is no %s", (int)word.len, word.data, what);

	if (r == 0 && known && word.len < sizeof(copy)) {
		memcpy(copy, word.data, word.len);
		copy[word.len] = '\0';
		if (ipc_nearest(copy, known, NULL, near))
			r = ipc_buf_format(why, " (did you mean '%s'?)", near);
	}
	return refused(r);
}

/* ---- action, state ----------------------------------------------------------------------------------------------- */

static const char *const states[] = {
	[IPC_STATE_HELD] = "held",       [IPC_STATE_UNKNOWN] = "unknown", [IPC_STATE_ORPHAN] = "orphan",
	[IPC_STATE_SUSPECT] = "suspect", [IPC_STATE_IDLE] = "idle",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define IN_USE (1u << IPC_STATE_HELD | 1u << IPC_STATE_UNKNOWN)

static bool knows_action(const char *word, void *data)
{
	enum ipc_action action;

	(void)data;
	for (action = IPC_ACTION_REMOVE; action <= IPC_ACTION_PROTECT; action++)
		if (strcmp(word, ipc_action_name(action)) == 0)
			return true;
	return false;
}

static int put_action(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	enum ipc_action action;

	for (action = IPC_ACTION_REMOVE; action <= IPC_ACTION_PROTECT; action++)
		if (ipc_bytes_equal(word, ipc_bytes_of(ipc_action_name(action))))
			break;
	if (action > IPC_ACTION_PROTECT)
		return refuse_word(word, "action: there are remove, report and protect", knows_action, why);
	if (ipc_rule_was_given(rule, IPC_GIVEN_ACTION))
		return refused(ipc_buf_format(why, "a second action: a rule has one"));
	if (action == IPC_ACTION_REMOVE && rule->states & IN_USE)
		return refused(ipc_buf_format(why, "what is held, or unknown, is never removed"));
	rule->action = action;
	return 0;
}

static bool knows_state(const char *word, void *data)
{
	size_t i;

	(void)data;
	for (i = IPC_STATE_HELD; i < COUNT(states); i++)
		if (strcmp(word, states[i]) == 0)
			return true;
	return false;
}

static int put_state(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	size_t i;

	for (i = IPC_STATE_HELD; i < COUNT(states); i++)
		if (ipc_bytes_equal(word, ipc_bytes_of(states[i])))
			break;
	if (i == COUNT(states))
		return refuse_word(word, "state: there are held, unknown, orphan, suspect and idle", knows_state, why);
	if (ipc_rule_was_given(rule, IPC_GIVEN_ACTION) && rule->action == IPC_ACTION_REMOVE && 1u << i & IN_USE)
		return refused(ipc_buf_format(why, "what is %s is never removed", states[i]));
	rule->states |= 1u << i;
	return 0;
}

/* ---- class, kind ------------------------------------------------------------------------------------------------- */

static bool knows_class(const char *word, void *data)
{
	(void)data;
	return ipc_class_find(word) != NULL;
}

static bool is_of(const struct ipc_kind *kind, struct ipc_bytes cls)
{
	return ipc_bytes_equal(cls, ipc_bytes_of(kind->cls->name));
}

static int put_class(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	bool known = false, stays = false;
	size_t i;

	for (i = 0; i < ipc_kind_count(); i++) {
		const struct ipc_kind *kind = ipc_kind_at(i);

		if (!is_of(kind, word))
			continue;
		known = true;
		stays |= kind->waste != NULL;
		rule->classes[i] = true;
	}
	if (!known)
		return refuse_word(word, "class", knows_class, why);
	return stays ? 0
		     : refused(ipc_buf_format(why, "objects of class %.*s go with their last user: no rule is needed",
					      (int)word.len, word.data));
}

/* "sysv" of every class, or "shm/sysv". */
static bool is_called(const struct ipc_kind *kind, struct ipc_bytes word)
{
	const char *slash = memchr(word.data, '/', word.len);
	size_t cls = slash ? (size_t)(slash - word.data) : 0, skip = slash ? cls + 1 : 0;

	return ipc_bytes_equal((struct ipc_bytes){word.data + skip, word.len - skip}, ipc_bytes_of(kind->name)) &&
	       (!slash || is_of(kind, (struct ipc_bytes){word.data, cls}));
}

static bool knows_kind(const char *word, void *data)
{
	size_t i;

	(void)data;
	for (i = 0; i < ipc_kind_count(); i++)
		if (ipc_kind_at(i)->waste && is_called(ipc_kind_at(i), ipc_bytes_of(word)))
			return true;
	return false;
}

static int put_kind(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	bool known = false, stays = false;
	size_t i;

	for (i = 0; i < ipc_kind_count(); i++) {
		const struct ipc_kind *kind = ipc_kind_at(i);

		if (!is_called(kind, word))
			continue;
		known = true;
		stays |= kind->waste != NULL;
		rule->kinds[i] = true;
	}
	if (!known)
		return refuse_word(word, "kind", knows_kind, why);
	return stays ? 0
		     : refused(ipc_buf_format(why, "objects of kind %.*s go with their last user: no rule is needed",
					      (int)word.len, word.data));
}

/* ---- name, key, owner -------------------------------------------------------------------------------------------- */

static int put_name(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	struct ipc_rule_name name, *names;
	int r = ipc_rule_name_parse(word, &name, why);

	if (r)
		return r;
	names = ipc_policy_make_room(rule->names, rule->name_count, sizeof(*names));
	if (!names) {
		free(name.glob);
		return -ENOMEM;
	}
	rule->names = names;
	rule->names[rule->name_count++] = name;
	return 0;
}

static int parse_keys(struct ipc_bytes word, struct ipc_rule_keys *out)
{
	const char *dash = memchr(word.data, '-', word.len);
	size_t first = dash ? (size_t)(dash - word.data) : word.len;
	struct ipc_rule_keys keys;
	int r = ipc_parse_hex(word.data, first, &keys.first);

	keys.last = keys.first;
	if (r == 0 && dash)
		r = ipc_parse_hex(dash + 1, word.len - first - 1, &keys.last);
	if (r == 0)
		*out = keys;
	return r;
}

static int check_keys(const struct ipc_rule_keys *keys, struct ipc_buf *why)
{
	if (keys->first > KEY_LAST || keys->last > KEY_LAST)
		return refused(ipc_buf_format(why, "keys end at 0xffffffff"));
	if (keys->first > keys->last)
		return refused(ipc_buf_format(why, "a range that ends before it begins"));
	if (!keys->first)
		return refused(
			ipc_buf_format(why, "0x0 is the key of all private objects: say 'private', or begin at 0x1"));
	return 0;
}

static int put_key(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	struct ipc_rule_keys keys = {0}, *grown;
	int r = 0;

	if (!ipc_bytes_equal(word, IPC_BYTES("private"))) {
		r = parse_keys(word, &keys);
		if (r)
			return refused(ipc_buf_format(why, "'%.*s' is no key: 0x5432, 0x5400-0x54ff or private",
						      (int)word.len, word.data));
		r = check_keys(&keys, why);
	}
	if (r)
		return r;
	grown = ipc_policy_make_room(rule->keys, rule->key_count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	rule->keys = grown;
	rule->keys[rule->key_count++] = keys;
	return 0;
}

static int parse_owner(struct ipc_bytes word, struct ipc_rule_owner *owner, struct ipc_buf *why)
{
	int r = ipc_parse_uint(word.data, word.len, &owner->uid);

	if (r == -ERANGE || (r == 0 && owner->uid > UID_LAST))
		return refused(ipc_buf_format(why, "user numbers end at 4294967294"));
	if (r == 0)
		return 0;
	r = ipc_rule_spelling_check(word, why);
	if (r == 0)
		r = ipc_rule_glob_check(word, why);
	if (r)
		return r;
	owner->glob = strndup(word.data, word.len);
	return owner->glob ? 0 : -ENOMEM;
}

static int put_owner(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	struct ipc_rule_owner owner = {0}, *owners;
	int r = parse_owner(word, &owner, why);

	if (r)
		return r;
	owners = ipc_policy_make_room(rule->owners, rule->owner_count, sizeof(*owners));
	if (!owners) {
		free(owner.glob);
		return -ENOMEM;
	}
	rule->owners = owners;
	rule->owners[rule->owner_count++] = owner;
	return 0;
}

/* ---- age, size --------------------------------------------------------------------------------------------------- */

/* ">= 1h", "< 1h" or "1h": which bound, and what of. */
static bool is_below(struct ipc_bytes word, struct ipc_bytes *number)
{
	size_t skip = ipc_bytes_starts(word, ">=") ? 2 : ipc_bytes_starts(word, "<") ? 1 : 0;

	while (skip < word.len && strchr(BLANKS, word.data[skip]))
		skip++;
	*number = (struct ipc_bytes){word.data + skip, word.len - skip};
	return *word.data == '<';
}

static int put_age(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	struct ipc_bytes number;
	int64_t *bound = is_below(word, &number) ? &rule->max_age : &rule->min_age;
	int r;

	if (*bound != IPC_UNKNOWN_INT)
		return refused(ipc_buf_format(why, "a second age of this side"));
	r = ipc_parse_duration(number.data, number.len, bound);
	return r ? refused(ipc_buf_format(why, "'%.*s' is no age: 2h, >= 2h or < 2h; units are s m h d w",
					  (int)word.len, word.data))
		 : 0;
}

static int put_size(struct ipc_rule *rule, struct ipc_bytes word, struct ipc_buf *why)
{
	struct ipc_bytes number;
	uint64_t *bound = is_below(word, &number) ? &rule->max_size : &rule->min_size;
	int r;

	if (*bound != IPC_UNKNOWN)
		return refused(ipc_buf_format(why, "a second size of this side"));
	r = ipc_parse_size(number.data, number.len, bound);
	return r ? refused(ipc_buf_format(why, "'%.*s' is no size: 64M, >= 64M or < 64M", (int)word.len, word.data))
		 : 0;
}

/* ---- a key and its value ----------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	put_fn put;
	bool bounds; /* a comparison, and after it perhaps a blank */
} keys[IPC_GIVEN_COUNT] = {
	[IPC_GIVEN_ACTION] = {"action", put_action, false}, [IPC_GIVEN_CLASS] = {"class", put_class, false},
	[IPC_GIVEN_KIND] = {"kind", put_kind, false},       [IPC_GIVEN_NAME] = {"name", put_name, false},
	[IPC_GIVEN_KEY] = {"key", put_key, false},          [IPC_GIVEN_OWNER] = {"owner", put_owner, false},
	[IPC_GIVEN_AGE] = {"age", put_age, true},           [IPC_GIVEN_SIZE] = {"size", put_size, true},
	[IPC_GIVEN_STATE] = {"state", put_state, false},
};

static enum ipc_rule_given find_key(struct ipc_bytes name)
{
	size_t i;

	for (i = 0; i < IPC_GIVEN_COUNT && !ipc_bytes_equal(name, ipc_bytes_of(keys[i].name)); i++)
		;
	return (enum ipc_rule_given)i;
}

bool ipc_rule_has_key(const char *key, size_t len)
{
	return find_key((struct ipc_bytes){key, len}) != IPC_GIVEN_COUNT;
}

static bool knows_key(const char *word, void *data)
{
	(void)data;
	return ipc_rule_has_key(word, strlen(word));
}

/* The next word of @value from *@at on; of no length when there is none. */
static struct ipc_bytes next_word(const char *value, size_t at, bool bounds)
{
	size_t begin = at + strspn(value + at, BLANKS), end = begin + strcspn(value + begin, BLANKS);

	if (bounds && end > begin && strspn(value + begin, "<>=") == end - begin) {
		size_t number = end + strspn(value + end, BLANKS);

		if (value[number])
			end = number + strcspn(value + number, BLANKS);
	}
	return (struct ipc_bytes){value + begin, end - begin};
}

int ipc_rule_put(struct ipc_rule *rule, const char *key, const char *value, size_t from, struct ipc_buf *why,
		 struct ipc_rule_place *place)
{
	enum ipc_rule_given which = find_key(ipc_bytes_of(key));
	struct ipc_bytes word;
	int r = 0;

	*place = (struct ipc_rule_place){.key = which == IPC_GIVEN_COUNT, .at = strlen(value), .end = strlen(value)};
	if (place->key) {
		rule->faulty = true;
		return refuse_word(ipc_bytes_of(key), "key of a rule", knows_key, why);
	}
	word = next_word(value, from, keys[which].bounds);
	if (!word.len) {
		rule->given |= 1u << which;
		rule->faulty = true;
		return refused(ipc_buf_format(why, "'%s' without a value", key));
	}
	while (r == 0 && word.len) {
		place->at = (size_t)(word.data - value);
		place->end = place->at + word.len;
		r = keys[which].put(rule, word, why);
		rule->given |= 1u << which;
		rule->faulty |= r != 0;
		word = next_word(value, place->end, keys[which].bounds);
	}
	return r;
}
