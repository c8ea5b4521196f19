/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy files: what is read from them, every fault with its place, and which files are not trusted. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "policy/policy.h"
#include "tree.h"

static struct ipc_ctx *ctx;

static struct ipc_policy *make_policy(void)
{
	struct ipc_policy *policy = NULL;

	assert_int_equal(ipc_policy_new(ctx, &policy), 0);
	return policy;
}

static void need_inih(void)
{
	if (!ipc_policy_built())
		skip();
}

/* ---- faults ------------------------------------------------------------------------------------------------------- */

/* All faults of a text: "LINE:COLUMN WHY" each, in lines. */
static char *faults_of(const char *text, size_t len)
{
	struct ipc_policy *policy = make_policy();
	struct ipc_policy_fault fault;
	struct ipc_policy_rule rule;
	struct ipc_buf all = {0};
	size_t i;
	int r = ipc_policy_parse(policy, "f", text, len);

	assert_int_equal(ipc_buf_append(&all, "", 0), 0);
	for (i = 0; ipc_policy_fault(policy, i, &fault); i++) {
		assert_string_equal(fault.file, "f");
		assert_int_equal(ipc_buf_format(&all, "%u:%u %s\n", fault.line, fault.column, fault.why), 0);
	}
	assert_int_equal(r, i ? -EINVAL : 0);
	if (i)
		assert_false(ipc_policy_rule(policy, 0, &rule));
	ipc_policy_free(policy);
	return all.data;
}

static void check_faults(const char *text, size_t len, const char *expected)
{
	char *found = faults_of(text, len);

	assert_string_equal(found ? found : "", expected);
	free(found);
}

#define HEAD "[a]\naction = protect\n"

static void every_fault_has_its_place(void **state)
{
	static const struct {
		const char *text, *faults;
	} cases[] = {
		/* the grammar */
		{"", ""},
		{"# only\n\n  ; comments\n", ""},
		{"name = /x\n", "1:1 a key before the first '[rule]'\n"},
		{"  name = /x\n", "1:3 nothing to continue: only further values of a key are indented\n"},
		{"[a]\n", "1:1 a rule without an action: remove, report or protect\n"},
		{"[a]\n[b]\naction=report", "1:1 a rule without an action: remove, report or protect\n"},
		{HEAD "junk\n", "3:1 neither '[rule]' nor 'key = value'\n"},
		{HEAD "= x\n", "3:1 a key begins with a small letter\n"},
		{HEAD "Name = /x\n", "3:1 a key begins with a small letter\n"},
		{HEAD "name =\n", "3:7 'name' without a value\n"},
		{HEAD "name:\n", "3:6 'name' without a value\n"},
		{HEAD "name = /x ; y\n", "3:11 a comment has a line of its own; a value that begins like one is put in "
					 "brackets: [;] or [#]\n"},
		{HEAD "owner = a\t#b\n", "3:11 a comment has a line of its own; a value that begins like one is put in "
					 "brackets: [;] or [#]\n"},
		{HEAD "name = /x;y /a#b /;#\n", ""},
		{HEAD "  name = /x\n",
		 "3:3 a key begins in the first column: this line would continue the one before\n"},
		{HEAD "name = /x\n\towner=root\n",
		 "4:2 a key begins in the first column: this line would continue the one before\n"},
		{HEAD "name = /x\n owner: root\n",
		 "4:2 a key begins in the first column: this line would continue the one before\n"},
		{HEAD "name = /x\n# between\n\n  /y=1\n", ""},
		{"\xef\xbb\xbf[a]\r\naction = protect\r\nname = /x\r\n  /y\r\n", ""},
		{HEAD "\xef\xbb\xbfname = /x\n", "3:1 a key begins with a small letter\n"},
		{HEAD "name = /x\a\n", "3:10 a control character\n"},
		{HEAD "name = /x\ry\n", "3:10 a control character\n"},
		{"# rules\r[a]\raction = protect\r", "1:8 a control character\n"},
		{HEAD "name = /x\n ; \a\n  /y\n", "4:4 a control character\n"},
		{HEAD "nmae = /x\n  /y\n", "3:1 'nmae' is no key of a rule (did you mean 'name'?)\n"},
		{HEAD "age >= 1h\n", "3:1 'age >' is no key of a rule\n"},
		/* sections */
		{"[a\naction = protect\n", "1:3 the name of a rule ends with ']'\n"},
		{"[a] x\naction = protect\n", "1:4 nothing goes behind the ']' of a rule's name\n"},
		{"[]\naction = protect\n", "1:2 a rule without a name\n"},
		{"[ a]\naction = protect\n", "1:2 the name of a rule neither begins nor ends with a blank\n"},
		{"[a \t]\naction = protect\n", "1:2 the name of a rule neither begins nor ends with a blank\n"},
		{HEAD "[b\naction = protect\nowner = x\n [c]\n", "3:3 the name of a rule ends with ']'\n"},
		{"[1234567890123456789012345678901234567890123456789]\naction = protect\n", ""},
		{"[12345678901234567890123456789012345678901234567890]\naction = protect\n",
		 "1:51 the name of a rule has at most 49 bytes\n"},
		{HEAD "[b]\naction = report\n[a]\naction = report\n", "5:2 there is a rule 'a' in line 1 already\n"},
		/* words */
		{"[a]\naction = protec\n", "2:10 'protec' is no action: there are remove, report and protect (did you "
					   "mean 'protect'?)\n"},
		{"[a]\naction = protect report\n", "2:18 a second action: a rule has one\n"},
		{HEAD "action = report\n", "3:10 a second action: a rule has one\n"},
		{HEAD "class = shm shn\n", "3:13 'shn' is no class (did you mean 'shm'?)\n"},
		{HEAD "class = shm signal\n",
		 "3:13 objects of class signal go with their last user: no rule is needed\n"},
		{HEAD "kind = sysv shm/posx shm/memfd mq/unix\n",
		 "3:13 'shm/posx' is no kind (did you mean 'shm/posix'?)\n"
		 "3:22 objects of kind shm/memfd go with their last user: no rule is needed\n"
		 "3:32 'mq/unix' is no kind\n"},
		{HEAD "name = /x torch_*\n", "3:11 no name is like that: they begin with '/'\n"},
		{HEAD "name = /[a-z /[]]x /[[:digit:]]\n", "3:8 a '[' without ']'; the character itself is '[[]'\n"},
		{HEAD "name = /a\\*\n", "3:8 a backslash in a name is printed, and written here, as \\x5c\n"},
		{HEAD "name = /a\\x0a\\xff /a\\x0A\n", "3:19 such a name is printed, and written here, as /a\\x0a\n"},
		{HEAD "name = /\xc3\xa4\n", "3:8 such a name is printed, and written here, as /\\xc3\\xa4\n"},
		{HEAD "name = /a\\x20b\n", "3:8 a blank in a name is printed as it is; here '?' stands for it\n"},
		{HEAD "name = /<pid>_<pid>\n", "3:8 <pid> twice in one name\n"},
		{HEAD "name = /a1<pid> /<pid>2 /[1]<pid>[2]\n",
		 "3:8 <pid> beside a digit: where the number ends cannot be told\n"
		 "3:17 <pid> beside a digit: where the number ends cannot be told\n"},
		{HEAD "name = /<PID> /[<]\n", "3:8 a '<' that begins no <pid>; the character itself is '[<]'\n"},
		{HEAD "class = sem\nname = /sem.x\n", "1:1 a semaphore is called as by sem_open(3), '/x' and not "
						      "'/sem.x'; name other classes if such are meant\n"},
		{HEAD "class = mq\nname = /sem.x\n", ""},
		{HEAD "key = 0x5432 5432 0x5-0x6-0x7 0x9-0x1 0x100000000 0x0-0x1 private\n",
		 "3:14 '5432' is no key: 0x5432, 0x5400-0x54ff or private\n"
		 "3:19 '0x5-0x6-0x7' is no key: 0x5432, 0x5400-0x54ff or private\n"
		 "3:31 a range that ends before it begins\n"
		 "3:39 keys end at 0xffffffff\n"
		 "3:51 0x0 is the key of all private objects: say 'private', or begin at 0x1\n"},
		{HEAD "owner = db2* 1000 4294967295 99999999999999999999 a[b\n",
		 "3:19 user numbers end at 4294967294\n3:30 user numbers end at 4294967294\n"
		 "3:51 a '[' without ']'; the character itself is '[[]'\n"},
		{HEAD "owner = j\xc3\xb6rg ad\\* a\\x5cb\n",
		 "3:9 such a name is printed, and written here, as j\\xc3\\xb6rg\n"
		 "3:15 a backslash in a name is printed, and written here, as \\x5c\n"},
		{HEAD "age = >= 1h < 2d\n", ""},
		{HEAD "age = 1h >=2h\n", "3:10 a second age of this side\n"},
		{HEAD "age = > 1h <= 2h 5 >=\n", "3:7 '> 1h' is no age: 2h, >= 2h or < 2h; units are s m h d w\n"
						 "3:12 '<= 2h' is no age: 2h, >= 2h or < 2h; units are s m h d w\n"
						 "3:18 '5' is no age: 2h, >= 2h or < 2h; units are s m h d w\n"
						 "3:20 '>=' is no age: 2h, >= 2h or < 2h; units are s m h d w\n"},
		{HEAD "age = 1h < 1h\n", "1:1 no age is of both sides\n"},
		{HEAD "size = 1K 2K <x\n",
		 "3:11 a second size of this side\n3:14 '<x' is no size: 64M, >= 64M or < 64M\n"},
		{HEAD "size = 2K <1K\n", "1:1 no size is of both sides\n"},
		{HEAD "state = held idel\n",
		 "3:14 'idel' is no state: there are held, unknown, orphan, suspect and idle "
		 "(did you mean 'idle'?)\n"},
		/* what does not go together */
		{"[a]\naction = remove\nstate = orphan held\n", "3:16 what is held is never removed\n"},
		{"[a]\nstate = unknown\naction = remove\n", "3:10 what is held, or unknown, is never removed\n"},
		{"[a]\naction = remove\nstate = suspect\nclass = sem\nage = 1d\nname = *\n",
		 "1:1 too broad: a rule that removes what is suspect or idle says whose or which, by owner, name or "
		 "key\n"},
		{"[a]\naction = remove\nstate = idle\nowner = * 5\n", ""},
		{"[a]\naction = remove\nstate = idle\nowner = *?\n",
		 "1:1 too broad: a rule that removes what is suspect or idle says whose or which, by owner, name or "
		 "key\n"},
		{"[a]\naction = remove\nstate = idle\nname = /<pid>\n", ""},
		{"[a]\naction = remove\nstate = idle\nkey = private\n", ""},
		{HEAD "class = shm\nkind = mq/posix\n",
		 "1:1 nothing is of this class and kind, and has all that is asked for: names are of what is not System "
		 "V, keys of what is\n"},
		{HEAD "name = /x\nkey = 0x1\n",
		 "1:1 nothing is of this class and kind, and has all that is asked for: names are of what is not System "
		 "V, keys of what is\n"},
		/* one fault does not make others */
		{"[a]\naction = remove\nstate = idle\nname = x\n", "4:8 no name is like that: they begin with '/'\n"},
	};

	(void)state;
	need_inih();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_faults(cases[i].text, strlen(cases[i].text), cases[i].faults);
}

static void nul_bytes_and_long_lines(void **state)
{
	static const char nul[] = HEAD "name = /x\0y\n";
	char text[512], *end;

	(void)state;
	need_inih();
	check_faults(nul, sizeof(nul) - 1, "3:10 a NUL byte\n");
	/* 197 bytes are taken, and one more would be cut without a word. What continues such a line is no other fault. */
	end = stpcpy(text, HEAD "name = /");
	memset(end, 'x', 189);
	strcpy(end + 189, "\n  y z\n");
	check_faults(text, strlen(text),
		     "4:3 no name is like that: they begin with '/'\n"
		     "4:5 no name is like that: they begin with '/'\n");
	strcpy(end + 189, "x\n  y z\n");
	check_faults(text, strlen(text),
		     "3:198 a line has at most 197 bytes; further values go into indented lines "
		     "below\n");
	end = stpcpy(text, HEAD "# ");
	memset(end, 'x', 300);
	strcpy(end + 300, "\n");
	check_faults(text, strlen(text), "");
	end = stpcpy(text, HEAD "[");
	memset(end, 'x', 300);
	strcpy(end + 300, "]\naction = report\n");
	check_faults(text, strlen(text),
		     "3:198 a line has at most 197 bytes; further values go into indented lines "
		     "below\n");
}

/* ---- rules --------------------------------------------------------------------------------------------------------- */

static void rules_are_read(void **state)
{
	static const char text[] = "[one]\nclass = shm\nkind = sysv\nkey = 0x1-0xff\n\tprivate\naction = remove\n\n"
				   "[two words]\naction: report\nage = >= 1h\nsize = < 4K\nstate = idle\n";
	struct ipc_policy *policy;
	const struct ipc_rule *rule;
	struct ipc_policy_rule told;

	(void)state;
	need_inih();
	policy = make_policy();
	assert_int_equal(ipc_policy_parse(policy, "f", text, sizeof(text) - 1), 0);
	assert_int_equal(policy->rule_count, 2);
	rule = &policy->rules[0];
	assert_int_equal(rule->action, IPC_ACTION_REMOVE);
	assert_int_equal(rule->states, 1u << IPC_STATE_ORPHAN);
	assert_int_equal(rule->key_count, 2);
	assert_int_equal(rule->keys[0].first, 1);
	assert_int_equal(rule->keys[0].last, 0xff);
	assert_int_equal(rule->keys[1].last, 0);
	for (size_t i = 0; i < ipc_kind_count(); i++)
		assert_int_equal(rule->kinds[i], strcmp(ipc_kind_at(i)->cls->name, "shm") == 0 &&
							 strcmp(ipc_kind_at(i)->name, "sysv") == 0);
	assert_true(ipc_policy_rule(policy, 1, &told));
	assert_string_equal(told.name, "two words");
	assert_string_equal(told.file, "f");
	assert_int_equal(told.line, 8);
	assert_int_equal(told.action, IPC_ACTION_REPORT);
	assert_int_equal(policy->rules[1].states, 1u << IPC_STATE_IDLE);
	assert_int_equal(policy->rules[1].min_age, INT64_C(3600000000000));
	assert_int_equal(policy->rules[1].max_size, 4096);
	assert_false(ipc_policy_rule(policy, 2, &told));
	ipc_policy_free(policy);
}

/* One that is as long as a file may be, all of it rules without an action. */
static void many_rules(void **state)
{
	struct ipc_policy *policy;
	struct ipc_policy_fault fault;
	struct ipc_buf text = {0};
	clock_t begin = clock();

	(void)state;
	need_inih();
	policy = make_policy();
	for (unsigned i = 0; text.len < 1 << 20; i++)
		assert_int_equal(ipc_buf_format(&text, "[%x]\n", i), 0);
	assert_int_equal(ipc_policy_parse(policy, "f", text.data, text.len), -EINVAL);
	assert_true(ipc_policy_fault(policy, 100000, &fault));
	assert_int_equal(fault.line, 100001);
	assert_true(clock() - begin < 20 * CLOCKS_PER_SEC);
	ipc_buf_release(&text);
	ipc_policy_free(policy);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static const char *path_of(const struct tree *tree, const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", tree->root, name);
	return path;
}

static void write_mode(const struct tree *tree, const char *name, const char *text, unsigned mode)
{
	tree_write(tree, name, text);
	assert_int_equal(chmod(path_of(tree, name), mode), 0);
}

static void check_read(const struct tree *tree, const char *name, int result, const char *error)
{
	struct ipc_policy *policy = make_policy();
	struct ipc_policy_fault fault;
	int r = ipc_policy_read(policy, path_of(tree, name));

	assert_int_equal(r, result);
	if (r)
		assert_string_equal(ipc_ctx_error(ctx), error);
	assert_int_equal(ipc_policy_files(policy), 1);
	assert_int_equal(ipc_policy_fault(policy, 0, &fault), r == -EINVAL);
	if (r == -EINVAL && !strstr(error, "wrong")) {
		assert_int_equal(fault.line + fault.column, 0);
		assert_string_equal(fault.why, error);
	}
	ipc_policy_free(policy);
}

static void files_are_checked(void **state)
{
	struct tree tree;

	(void)state;
	need_inih();
	tree_make(&tree);
	write_mode(&tree, "good.conf", HEAD, 0644);
	write_mode(&tree, "bad.conf", "[a]\nx=\ny=\n", 0644);
	write_mode(&tree, "group.conf", HEAD, 0664);
	write_mode(&tree, "other.conf", HEAD, 0602);
	assert_int_equal(mkfifo(path_of(&tree, "fifo.conf"), 0600), 0);
	tree_link(&tree, "link.conf", "good.conf");
	tree_link(&tree, "group-link.conf", "group.conf");
	tree_link(&tree, "zero.conf", "/dev/zero");
	write_mode(&tree, "long.conf", HEAD, 0644);
	assert_int_equal(truncate(path_of(&tree, "long.conf"), (1 << 20) + 1), 0);
	check_read(&tree, "good.conf", 0, "");
	check_read(&tree, "link.conf", 0, "");
	check_read(&tree, "bad.conf", -EINVAL, "3 things are wrong in it");
	check_read(&tree, "group.conf", -EPERM, "its mode 0664 lets others change the rules; chmod go-w it");
	check_read(&tree, "group-link.conf", -EPERM, "its mode 0664 lets others change the rules; chmod go-w it");
	check_read(&tree, "other.conf", -EPERM, "its mode 0602 lets others change the rules; chmod go-w it");
	check_read(&tree, "fifo.conf", -EINVAL, "not a regular file");
	check_read(&tree, "zero.conf", -EINVAL, "not a regular file");
	check_read(&tree, "proc", -EINVAL, "not a regular file");
	check_read(&tree, "long.conf", -EINVAL, "larger than 1 MiB, so hardly a policy file");
	check_read(&tree, "none.conf", -ENOENT, "No such file or directory");
	if (geteuid() == 0) {
		assert_int_equal(chown(path_of(&tree, "good.conf"), 54321, 0), 0);
		check_read(&tree, "good.conf", -EPERM,
			   "it belongs to user 54321, who could change the rules; chown it "
			   "to root, or to yourself");
	}
	tree_remove(&tree);
}

static void a_directory_in_order(void **state)
{
	struct tree tree;
	struct ipc_policy *policy;
	struct ipc_policy_rule rule;

	(void)state;
	need_inih();
	policy = make_policy();
	tree_make(&tree);
	write_mode(&tree, "d/20.conf", "[b]\naction = report\n", 0644);
	write_mode(&tree, "d/10.conf", HEAD, 0644);
	write_mode(&tree, "d/B.conf", "[c]\naction = report\n", 0644);
	write_mode(&tree, "d/.hidden.conf", "junk\n", 0644);
	write_mode(&tree, "d/10.conf.bak", "junk\n", 0666);
	write_mode(&tree, "d/README", "junk\n", 0666);
	assert_int_equal(ipc_policy_read_directory(policy, path_of(&tree, "d")), 0);
	assert_int_equal(ipc_policy_files(policy), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(ipc_policy_rule(policy, i, &rule));
		assert_int_equal(rule.name[0], 'a' + (int)i);
	}
	assert_false(ipc_policy_rule(policy, 3, &rule));
	assert_int_equal(ipc_policy_read_directory(policy, path_of(&tree, "none")), 0);
	assert_int_equal(ipc_policy_read_directory(policy, path_of(&tree, "d/README")), -ENOTDIR);
	assert_int_equal(chmod(path_of(&tree, "d"), 01777), 0);
	assert_int_equal(ipc_policy_read_directory(policy, path_of(&tree, "d")), -EPERM);
	assert_string_equal(ipc_ctx_error(ctx), "its mode 1777 lets others change the rules; chmod go-w it");
	ipc_policy_free(policy);
	tree_remove(&tree);
}

/* Whatever comes first is returned, and nothing is kept back for it. */
static void a_directory_goes_on(void **state)
{
	struct tree tree;
	struct ipc_policy *policy;
	struct ipc_policy_fault fault;

	(void)state;
	need_inih();
	policy = make_policy();
	tree_make(&tree);
	write_mode(&tree, "d/1.conf", HEAD, 0646);
	write_mode(&tree, "d/2.conf", "[a]\n", 0644);
	write_mode(&tree, "d/3.conf", HEAD, 0666);
	tree_link(&tree, "d/4.conf", "gone");
	write_mode(&tree, "d/5.conf", HEAD, 0644);
	assert_int_equal(ipc_policy_read_directory(policy, path_of(&tree, "d")), -EPERM);
	assert_string_equal(ipc_ctx_error(ctx), "1.conf: its mode 0646 lets others change the rules; chmod go-w it");
	assert_true(ipc_policy_fault(policy, 0, &fault));
	assert_string_equal(fault.file, path_of(&tree, "d/2.conf"));
	assert_int_equal(fault.line, 1);
	assert_true(ipc_policy_fault(policy, 1, &fault));
	assert_string_equal(fault.file, path_of(&tree, "d/3.conf"));
	assert_int_equal(fault.line, 0);
	assert_string_equal(fault.why, "its mode 0666 lets others change the rules; chmod go-w it");
	assert_true(ipc_policy_fault(policy, 2, &fault));
	assert_string_equal(fault.file, path_of(&tree, "d/4.conf"));
	assert_string_equal(fault.why, "No such file or directory");
	assert_false(ipc_policy_fault(policy, 3, &fault));
	assert_int_equal(ipc_policy_files(policy), 5);
	ipc_policy_free(policy);
	tree_remove(&tree);
}

static void a_build_without_inih(void **state)
{
	struct tree tree;
	struct ipc_policy *policy;

	(void)state;
	if (ipc_policy_built())
		skip();
	policy = make_policy();
	tree_make(&tree);
	write_mode(&tree, "d/README", "", 0644);
	assert_int_equal(ipc_policy_read(policy, path_of(&tree, "d/README")), -ENOTSUP);
	assert_int_equal(ipc_policy_read_directory(policy, path_of(&tree, "none")), 0);
	assert_int_equal(ipc_policy_read_directory(policy, path_of(&tree, "d")), 0);
	write_mode(&tree, "d/1.conf", "", 0644);
	assert_int_equal(ipc_policy_read_directory(policy, path_of(&tree, "d")), -ENOSYS);
	ipc_policy_free(policy);
	tree_remove(&tree);
}

static int begin(void **state)
{
	(void)state;
	return ipc_ctx_new(&ctx);
}

static int end(void **state)
{
	(void)state;
	ipc_ctx_unref(ctx);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_has_its_place),
		cmocka_unit_test(nul_bytes_and_long_lines),
		cmocka_unit_test(rules_are_read),
		cmocka_unit_test(many_rules),
		cmocka_unit_test(files_are_checked),
		cmocka_unit_test(a_directory_in_order),
		cmocka_unit_test(a_directory_goes_on),
		cmocka_unit_test(a_build_without_inih),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
