/* Pools: what configuration says, who gets which address, and that an address costs nothing before it
 * is leased. */
#include "conf/parse.h"
#include "ike/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LEASES_MAX 1000

static void some_random(void *context, uint8_t *out, size_t size)
{
	(void)context;
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(i * 37 + 5);
}

static const struct random_source source = { .fill = some_random };

/* A pool of `text`, what would stand between its braces; NULL with the first error in `error`. */
static struct pool_config *config_of(const char *text, char *error, size_t error_size)
{
	struct crypto *crypto = crypto_new(NULL);
	const struct conf_sources sources = { .crypto = crypto };
	struct problems problems = { 0 };
	struct tree *t = tree_new();
	struct pool_config *config = NULL;
	char whole[500];

	snprintf(whole, sizeof(whole), "pools { rw {\n%s\n} }\n", text);
	parse_text(t, "test.conf", bytes_of_text(whole), &problems);
	if (conf_load_pool(tree_find(&t->root, "pools.rw"), &sources, &problems, &config) < 0)
		problems_first_error(&problems, error, error_size);
	problems_free(&problems);
	tree_free(t);
	crypto_free(crypto);
	return config;
}

static struct pool *pool_of(const char *addrs, size_t leases_max)
{
	char text[100], error[500] = "";
	struct pool_config *config;
	struct pool *p;

	snprintf(text, sizeof(text), "addrs = %s", addrs);
	config = config_of(text, error, sizeof(error));
	assert_string_equal(error, "");
	assert_non_null(config);
	p = pool_new(config, &source, leases_max);
	pool_config_release(config);
	assert_non_null(p);
	return p;
}

static struct lease *lease(struct pool *p, const char *who, const char *wanted)
{
	const struct id_payload id = { ID_FQDN, bytes_of_text(who) };
	struct address a = { .family = p->config->base.family };

	if (wanted)
		assert_int_equal(address_parse(wanted, &a), 0);
	return pool_lease(p, &id, &a);
}

static const char *text(const struct lease *l)
{
	static char out[ADDRESS_TEXT_MAX];

	return l ? address_print(&l->address, out) : "none";
}

static void a_subnet_leaves_out_its_ends_and_a_range_does_not(void **state)
{
	static const struct {
		const char *addrs, *base, *last;
		uint64_t size;
	} rows[] = {
		{ "10.3.0.0/24", "10.3.0.1", "10.3.0.254", 254 },
		{ "10.3.0.0/31", "10.3.0.0", "10.3.0.1", 2 },
		{ "10.3.0.7", "10.3.0.7", "10.3.0.7", 1 },
		{ "10.3.0.7/32", "10.3.0.7", "10.3.0.7", 1 },
		{ "10.3.0.250-10.3.1.5", "10.3.0.250", "10.3.1.5", 12 },
		{ "10.0.0.0/8", "10.0.0.1", "10.255.255.254", 16777214 },
		{ "fd03::/120", "fd03::1", "fd03::fe", 254 },
		{ "fd03::/64", "fd03::1", "fd03::ffff:ffff:ffff:fffe", POOL_ADDRESSES_MAX },
		{ "fd00::/8", "fd00::1", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
			POOL_ADDRESSES_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pool *p = pool_of(rows[i].addrs, LEASES_MAX);
		char base[ADDRESS_TEXT_MAX], last[ADDRESS_TEXT_MAX];

		assert_string_equal(address_print(&p->config->base, base), rows[i].base);
		assert_string_equal(address_print(&p->config->last, last), rows[i].last);
		assert_true(p->config->size == rows[i].size);
		assert_string_equal(text(lease(p, "a", NULL)), rows[i].base);
		pool_free(p);
	}
}

static void bad_pools_say_where_and_why(void **state)
{
	static const char *const rows[][2] = {
		{ "dns = 10.2.0.53", "test.conf:1: pool 'rw' has no addrs: write addrs" },
		{ "addrs = 10.3.0.0/33", "test.conf:2: '10.3.0.0/33' is no subnet" },
		{ "addrs = 10.3.0.9-10.3.0.1", "test.conf:2: '10.3.0.9-10.3.0.1' is no subnet" },
		{ "addrs = 10.3.0.0/24\ndns = moon", "test.conf:3: dns: 'moon' is no address" },
		{ "addrs = 10.3.0.0/24\nnetmask = ::1",
			"test.conf:3: netmask: '::1' is of the wrong address family" },
		{ "addrs = 10.3.0.0/24\nsubnet = 10.0.0.1-10.0.0.9",
			"test.conf:3: subnet: '10.0.0.1-10.0.0.9' is no subnet" },
		{ "addrs = 10.3.0.0/24\ndsn = 10.2.0.53",
			"test.conf:3: 'dsn' is no attribute of a pool" },
		{ "addrs = 10.3.0.0/24\n1 = 10.2.0.53",
			"test.conf:3: '1' is no attribute of a pool" },
		{ "addrs = 10.3.0.0/24\n25 = 0xabc", "test.conf:3: 25: '0xabc' is no hexadecimal" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char error[500] = "";

		assert_null(config_of(rows[i][0], error, sizeof(error)));
		if (strncmp(error, rows[i][1], strlen(rows[i][1])) != 0)
			assert_string_equal(error, rows[i][1]);
	}
}

static void attributes_are_as_the_wire_has_them(void **state)
{
	static const struct {
		const char *said;
		uint16_t type;
		const char *hex;
	} rows[] = {
		{ "dns = 10.2.0.53", INTERNAL_IP4_DNS, "0a020035" },
		{ "dns = fd02::53", INTERNAL_IP6_DNS, "fd020000000000000000000000000053" },
		{ "netmask = 255.255.255.0", INTERNAL_IP4_NETMASK, "ffffff00" },
		{ "subnet = 10.2.0.0/16", INTERNAL_IP4_SUBNET, "0a020000ffff0000" },
		{ "subnet = 0.0.0.0/0", INTERNAL_IP4_SUBNET, "0000000000000000" },
		{ "subnet = fd02::/16", INTERNAL_IP6_SUBNET, "fd02000000000000000000000000000010" },
		{ "split_include = 10.2.0.0/16", UNITY_SPLIT_INCLUDE,
			"0a020000ffff0000000000000000" },
		{ "banner = Welcome", UNITY_BANNER, "57656c636f6d65" },
		{ "default_domain = a.example", UNITY_DEF_DOMAIN, "612e6578616d706c65" },
		{ "split_dns = a.b", UNITY_SPLITDNS_NAME, "612e62" },
		{ "25 = example.org", 25, "6578616d706c652e6f7267" },
		{ "25 = 0x0102", 25, "0102" },
		{ "0x7000 = 10.2.0.1", 28672, "0a020001" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char error[500] = "", given[100], hex[100];
		struct pool_config *c;

		snprintf(given, sizeof(given), "addrs = 10.3.0.0/24\n%s", rows[i].said);
		c = config_of(given, error, sizeof(error));
		assert_string_equal(error, "");
		assert_int_equal(c->attribute_count, 1);
		assert_int_equal(c->attributes[0].type, rows[i].type);
		bytes_to_hex(c->attributes[0].value, hex, sizeof(hex));
		assert_string_equal(hex, rows[i].hex);
		pool_config_release(c);
	}
}

static void who_returns_gets_the_same_address(void **state)
{
	struct pool *p = pool_of("10.3.0.1-10.3.0.3", LEASES_MAX);
	struct lease *a = lease(p, "a", NULL), *b = lease(p, "b", NULL);

	(void)state;
	assert_string_equal(text(a), "10.3.0.1");
	assert_string_equal(text(b), "10.3.0.2");
	lease_release(a);
	lease_release(b);
	assert_int_equal(p->online, 0);
	assert_int_equal(p->count, 2);
	assert_string_equal(text(lease(p, "b", NULL)), "10.3.0.2");
	assert_string_equal(text(lease(p, "a", NULL)), "10.3.0.1");
	assert_string_equal(text(lease(p, "a", NULL)), "10.3.0.3"); /* a second one at once */
	assert_int_equal(p->online, 3);
	pool_free(p);
}

static void a_full_pool_gives_away_what_is_offline_for_longest(void **state)
{
	struct pool *p = pool_of("10.3.0.1-10.3.0.3", LEASES_MAX);
	struct lease *a = lease(p, "a", NULL), *b = lease(p, "b", NULL), *c = lease(p, "c", NULL);

	(void)state;
	assert_null(lease(p, "d", NULL));
	lease_release(b);
	lease_release(a);
	assert_string_equal(text(lease(p, "d", NULL)), "10.3.0.2");
	assert_string_equal(text(lease(p, "b", NULL)), "10.3.0.1");
	assert_null(lease(p, "a", NULL));
	lease_release(c);
	assert_string_equal(text(lease(p, "a", NULL)), "10.3.0.3");
	assert_int_equal(p->count, 3);
	pool_free(p);
}

static void a_certain_address_is_given_where_it_is_free(void **state)
{
	struct pool *p = pool_of("10.3.0.1-10.3.0.4", LEASES_MAX);
	const struct id_payload a = { ID_FQDN, bytes_of_text("a") };
	const struct id_payload b = { ID_FQDN, bytes_of_text("b") };
	struct lease *l = lease(p, "a", "10.3.0.2");

	(void)state;
	assert_string_equal(text(l), "10.3.0.2");
	assert_ptr_equal(pool_held(p, &a, &l->address), l);
	assert_null(pool_held(p, &b, &l->address));
	assert_string_equal(text(lease(p, "b", "10.3.0.2")), "10.3.0.1"); /* taken */
	assert_string_equal(text(lease(p, "c", "10.9.0.2")), "10.3.0.3"); /* not of this pool */
	assert_string_equal(text(lease(p, "d", NULL)), "10.3.0.4");       /* past the one taken */
	lease_release(l);
	assert_null(pool_held(p, &a, &l->address));
	assert_string_equal(text(lease(p, "a", "10.3.0.2")), "10.3.0.2");
	pool_free(p);
}

static void two_users_of_a_lease_both_have_to_go(void **state)
{
	struct pool *p = pool_of("10.3.0.1", LEASES_MAX);
	struct lease *l = lease(p, "a", NULL);

	(void)state;
	l->users++;
	lease_release(l);
	assert_int_equal(p->online, 1);
	assert_null(lease(p, "b", NULL));
	lease_release(l);
	assert_int_equal(p->online, 0);
	assert_ptr_equal(lease(p, "b", NULL), l);
	pool_free(p);
}

/* A large pool remembers no more than it may, whoever comes. */
static void leases_are_bounded(void **state)
{
	struct pool *p = pool_of("10.0.0.0/8", 50);
	char name[24];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct lease *l;

		snprintf(name, sizeof(name), "peer-%u", i);
		l = lease(p, name, NULL);
		assert_non_null(l);
		lease_release(l);
		assert_true(p->count <= 50);
	}
	assert_int_equal(table_count(p->by_owner), 50);
	assert_int_equal(table_count(p->by_address), 50);
	pool_free(p);
}

/* A hundred thousand clients, as one identity and as many: in a second even where memory is checked,
 * which nothing that walks a list would do. */
static void many_leases_take_no_longer_than_few(void **state)
{
	struct pool *p = pool_of("10.0.0.0/8", 200000);
	char name[24];

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "peer-%u", i % 2 ? i : 0);
		assert_non_null(lease(p, name, NULL));
	}
	assert_int_equal(p->online, 100000);
	assert_int_equal(table_count(p->by_owner), 50001);
	pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_subnet_leaves_out_its_ends_and_a_range_does_not),
		cmocka_unit_test(bad_pools_say_where_and_why),
		cmocka_unit_test(attributes_are_as_the_wire_has_them),
		cmocka_unit_test(who_returns_gets_the_same_address),
		cmocka_unit_test(a_full_pool_gives_away_what_is_offline_for_longest),
		cmocka_unit_test(a_certain_address_is_given_where_it_is_free),
		cmocka_unit_test(two_users_of_a_lease_both_have_to_go),
		cmocka_unit_test(leases_are_bounded),
		cmocka_unit_test(many_leases_take_no_longer_than_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
