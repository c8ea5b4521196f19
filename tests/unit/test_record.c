/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records: reading by table, nulls, order of values, and the tables that all kinds share. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/bytes.h"
#include "model/object.h"

/* A record with a super and a field of each type. */
struct base {
	uint64_t id;
	struct ipc_bytes name;
};

struct derived {
	struct base base;
	int64_t when;
	uint64_t flag;
	struct ipc_list words;
	struct ipc_list holders;
};

static const struct ipc_field base_fields[] = {
	IPC_FIELD(base, id, UINT, "id"),
	IPC_FIELD(base, name, STRING, "name"),
};

static const struct ipc_record base_record = {"base", sizeof(struct base), NULL, base_fields, 2};

static const struct ipc_field derived_fields[] = {
	IPC_FIELD(derived, when, TIME, "when"),
	IPC_FIELD(derived, flag, BOOL, "flag"),
	IPC_FIELD(derived, words, STRINGS, "words"),
	IPC_FIELD_LIST(derived, holders, &ipc_holder_record, IPC_NEED_HOLDERS, "holders"),
};

static const struct ipc_record derived_record = {"derived", sizeof(struct derived), &base_record, derived_fields, 4};

static void get(const struct derived *at, const char *name, struct ipc_value *out)
{
	const struct ipc_field *field = ipc_record_find(&derived_record, name);

	assert_non_null(field);
	ipc_record_get(at, field, out);
	assert_int_equal(out->type, ipc_field_type(field));
}

static void fields_in_order(void **state)
{
	static const char *const names[] = {"id", "name", "when", "flag", "words", "holders"};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(ipc_field_name(ipc_record_field(&derived_record, i)), names[i]);
	assert_null(ipc_record_field(&derived_record, 6));
	assert_null(ipc_record_field(&derived_record, SIZE_MAX));
	assert_null(ipc_record_find(&derived_record, "Id"));
	assert_null(ipc_record_find(&base_record, "when"));
	assert_ptr_equal(ipc_field_record(ipc_record_find(&derived_record, "holders")), &ipc_holder_record);
	assert_null(ipc_field_record(ipc_record_find(&derived_record, "words")));
	assert_string_equal(ipc_field_help(ipc_record_find(&derived_record, "when")), "when");
}

static void all_null_after_init(void **state)
{
	struct derived d;
	const struct ipc_field *field;
	struct ipc_value value;

	(void)state;
	memset(&d, 0x5a, sizeof(d));
	ipc_record_init(&derived_record, &d);
	for (size_t i = 0; (field = ipc_record_field(&derived_record, i)); i++) {
		ipc_record_get(&d, field, &value);
		assert_true(value.null);
	}
}

static void values(void **state)
{
	static const struct ipc_bytes words[] = {IPC_BYTES("one"), IPC_BYTES("a\0b")};
	static const struct ipc_holder holders[] = {{.pid = 1, .fd = 3}, {.pid = 2, .fd = IPC_UNKNOWN_INT}};
	struct derived d = {.base = {.id = 7, .name = IPC_BYTES("")},
			    .when = -5,
			    .flag = 0,
			    .words = {words, 2},
			    .holders = {holders, 2}};
	struct ipc_value value, member;

	(void)state;
	get(&d, "id", &value);
	assert_false(value.null);
	assert_int_equal(value.u, 7);
	get(&d, "name", &value);
	assert_false(value.null);
	assert_int_equal(value.str.len, 0);
	get(&d, "when", &value);
	assert_int_equal(value.i, -5);
	get(&d, "flag", &value);
	assert_false(value.null);
	get(&d, "words", &value);
	assert_int_equal(value.list.count, 2);
	assert_true(ipc_bytes_equal(ipc_value_string(&value, 1), words[1]));
	assert_null(ipc_value_string(&value, 2).data);
	assert_int_equal(ipc_value_member(&value, 0, &base_fields[0], &member), -EINVAL);
	get(&d, "holders", &value);
	assert_ptr_equal(value.list.of, &ipc_holder_record);
	assert_null(ipc_value_string(&value, 0).data);
	assert_int_equal(ipc_value_member(&value, 1, ipc_record_find(&ipc_holder_record, "pid"), &member), 0);
	assert_int_equal(member.i, 2);
	assert_int_equal(ipc_value_member(&value, 1, ipc_record_find(&ipc_holder_record, "fd"), &member), 0);
	assert_true(member.null);
	assert_int_equal(ipc_value_member(&value, 2, ipc_record_find(&ipc_holder_record, "fd"), &member), -EINVAL);
	assert_int_equal(ipc_value_member(&value, 0, &base_fields[0], &member), -EINVAL);
	d.holders = IPC_EMPTY_LIST;
	get(&d, "holders", &value);
	assert_false(value.null);
	assert_int_equal(value.list.count, 0);
}

static void order(void **state)
{
	const struct ipc_value null = {.type = IPC_TYPE_UINT, .null = true};
	const struct ipc_value one = {.type = IPC_TYPE_UINT, .u = 1},
			       huge = {.type = IPC_TYPE_UINT, .u = UINT64_MAX - 1};
	const struct ipc_value minus = {.type = IPC_TYPE_INT, .i = -1}, zero = {.type = IPC_TYPE_INT, .i = 0};
	const struct ipc_value a = {.type = IPC_TYPE_STRING, .str = IPC_BYTES("a")};
	const struct ipc_value b = {.type = IPC_TYPE_STRING, .str = IPC_BYTES("b")};
	const struct ipc_value few = {.type = IPC_TYPE_STRINGS, .list = {ipc_nothing, 0, NULL}};
	const struct ipc_value many = {.type = IPC_TYPE_STRINGS, .list = {ipc_nothing, 3, NULL}};

	(void)state;
	assert_true(ipc_value_compare(&one, &huge) < 0);
	assert_true(ipc_value_compare(&huge, &one) > 0);
	assert_int_equal(ipc_value_compare(&one, &one), 0);
	assert_true(ipc_value_compare(&minus, &zero) < 0);
	assert_true(ipc_value_compare(&null, &huge) > 0);
	assert_true(ipc_value_compare(&huge, &null) < 0);
	assert_int_equal(ipc_value_compare(&null, &null), 0);
	assert_true(ipc_value_compare(&a, &b) < 0);
	assert_true(ipc_value_compare(&many, &few) > 0);
}

static void common_fields(void **state)
{
	static const char expect[] =
		"ref handle class kind name id key inode device namespace container uid user gid group mode size age "
		"changed created used unused state evidence status holders waiters verdict rule why result ";
	struct ipc_buf names = {0}, of_cleaning = {0};
	const struct ipc_field *field;

	(void)state;
	for (size_t i = 0; (field = ipc_record_field(&ipc_object_record, i)); i++) {
		assert_int_equal(ipc_buf_format(&names, "%s ", field->name), 0);
		assert_true(strlen(field->help) > 0);
		assert_true(field->offset < sizeof(struct ipc_object));
		if (ipc_field_of_cleaning(field))
			assert_int_equal(ipc_buf_format(&of_cleaning, "%s ", field->name), 0);
	}
	assert_string_equal(names.data, expect);
	assert_string_equal(of_cleaning.data, "verdict rule why result ");
	ipc_buf_release(&names);
	ipc_buf_release(&of_cleaning);
}

/* No two fields of a shared table lie at one place, and no name stands twice. */
static void tables_are_consistent(void **state)
{
	static const struct ipc_record *const records[] = {&ipc_object_record, &ipc_holder_record, &ipc_waiter_record,
							   &ipc_peer_record};

	(void)state;
	for (size_t r = 0; r < 4; r++) {
		for (size_t i = 0; i < records[r]->count; i++) {
			const struct ipc_field *a = &records[r]->fields[i];

			assert_true((a->type == IPC_TYPE_RECORDS) == (a->of != NULL));
			for (size_t j = i + 1; j < records[r]->count; j++) {
				assert_string_not_equal(a->name, records[r]->fields[j].name);
				assert_int_not_equal(a->offset, records[r]->fields[j].offset);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_in_order), cmocka_unit_test(all_null_after_init),
		cmocka_unit_test(values),          cmocka_unit_test(order),
		cmocka_unit_test(common_fields),   cmocka_unit_test(tables_are_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
