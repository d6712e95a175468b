/* The plane: which SAs and policies there are. Children are found by the SPI that the peer sends
 * and by the engine's id; policies belong to reqids and outlive the children that a rekeying
 * replaces. */
#include "esp/internal.h"
#include "wire/ikev2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SPI_MIN 256 /* RFC 4303 §2.1 */

static void options_complete(struct esp_options *o)
{
	if (o->trap_packets == 0)
		o->trap_packets = TRAP_PACKETS;
	if (o->trap_bytes == 0)
		o->trap_bytes = TRAP_BYTES;
	if (o->kept_packets == 0)
		o->kept_packets = KEPT_PACKETS;
	if (o->kept_bytes == 0)
		o->kept_bytes = KEPT_BYTES;
	if (o->kept_ns == 0)
		o->kept_ns = KEPT_NS;
}

struct esp *esp_new(const struct esp_options *options)
{
	struct esp *esp = calloc(1, sizeof(*esp));
	uint8_t seed[16];

	assert(options->crypto && options->random.fill);
	if (!esp)
		return NULL;

	esp->options = *options;
	if (esp->options.mtu == 0)
		esp->options.mtu = MTU_DEFAULT;
	options_complete(&esp->options);
	esp->kept_end = &esp->kept;
	esp->early_end = &esp->early;
	if (esp->options.icmp_per_second == 0)
		esp->options.icmp_per_second = ICMP_PER_SECOND;
	esp->icmp_tokens_ns = NS_PER_SECOND;
	random_fill(&options->random, seed, sizeof(seed));
	esp->by_spi = table_new(seed);
	esp->by_id = table_new(seed);
	esp->by_flow = table_new(seed);
	esp->offered = table_new(seed);
	esp->by_reqid = table_new(seed);
	esp->by_remote = table_new(seed);
	esp->by_peer = table_new(seed);
	esp->spd = spd_new(seed);
	if (!esp->by_spi || !esp->by_id || !esp->by_flow || !esp->offered || !esp->by_reqid ||
		!esp->by_remote || !esp->by_peer || !esp->spd) {
		esp_free(esp);
		return NULL;
	}
	return esp;
}

static void child_free(struct esp *esp, struct child *c)
{
	spd_remove(esp->spd, &c->rules);
	sealer_free(c->in.sealer);
	sealer_free(c->out.sealer);
	free(c);
}

void esp_free(struct esp *esp)
{
	struct policy *p;
	struct child *c;
	size_t position = 0;

	if (!esp)
		return;
	while (esp->kept)
		kept_remove(esp, &esp->kept);
	tracks_clear(esp);
	while ((c = esp->children)) {
		esp->children = c->next;
		child_free(esp, c);
	}
	while (esp->by_reqid && (p = table_next(esp->by_reqid, &position))) {
		spd_remove(esp->spd, &p->trap.rules);
		free(p);
	}
	if (esp->offered)
		offers_free(esp);
	table_free(esp->offered);
	table_free(esp->by_spi);
	table_free(esp->by_id);
	table_free(esp->by_flow);
	table_free(esp->by_reqid);
	table_free(esp->by_remote);
	table_free(esp->by_peer);
	spd_free(esp->spd);
	free(esp);
}

static struct bytes key_of(uint32_t number, uint8_t out[static 4])
{
	store_u32(out, number);
	return BYTES(out, 4);
}

static struct child *child_find(const struct esp *esp, uint32_t child_id)
{
	uint8_t key[4];

	return table_find(esp->by_id, key_of(child_id, key));
}

/* The newest outbound SA of a reqid carries its traffic. */
static void policy_choose(struct policy *p)
{
	p->active = NULL;
	for (struct child *c = p->children; c && !p->active; c = c->sibling) {
		if (c->out.sealer)
			p->active = c;
	}
}

static void policy_unlink(struct policy *p, struct child *c)
{
	struct child **at = &p->children;

	while (*at != c)
		at = &(*at)->sibling;
	*at = c->sibling;
}

static struct policy *policy_make(struct esp *esp, uint32_t reqid)
{
	struct policy *p = policy_of(esp, reqid);
	uint8_t key[4];

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->reqid = reqid;
	p->order = ++esp->policies_made;
	if (table_put(esp->by_reqid, key_of(reqid, key), p) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

/* Goes with its last user. */
static void policy_settle(struct esp *esp, struct policy *p)
{
	uint8_t key[4];

	policy_choose(p);
	if (p->children || p->trap.laid)
		return;
	kept_clear(esp, p);
	table_take(esp->by_reqid, key_of(p->reqid, key));
	free(p);
}

static bool path_is_valid(const struct ike_path *path)
{
	uint8_t family = path->remote.address.family;

	return (family == 4 || family == 6) && path->local.address.family == family;
}

static bool spec_is_valid(const struct child_spec *s)
{
	bool window = s->replay_window == 0 ||
		(s->replay_window >= REPLAY_WINDOW_MIN && s->replay_window <= REPLAY_WINDOW_MAX);

	return s->protocol == PROTOCOL_ESP && suite_known(&s->suite) && path_is_valid(&s->path) &&
		s->spi_in >= SPI_MIN && window && s->local.count > 0 && s->remote.count > 0 &&
		s->local.count <= SELECTORS_MAX && s->remote.count <= SELECTORS_MAX;
}

static bool keys_are_valid(const struct child_spec *s, const struct child_keys *k)
{
	return k->encr.size == suite_encr_key_bytes(&s->suite) &&
		k->integ.size == suite_integ_key_bytes(&s->suite);
}

static struct child *child_new(struct esp *esp, const struct child_spec *spec)
{
	struct child *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;

	c->spec = *spec;
	c->spec.name = NULL;
	bytes_wipe(&c->spec.keys_in, sizeof(c->spec.keys_in));
	bytes_wipe(&c->spec.keys_out, sizeof(c->spec.keys_out));
	c->replay = (struct replay){ .size = spec->replay_window, .esn = spec->esn };
	c->in.sealer = sealer_new(esp->options.crypto, &spec->suite,
		secret_bytes(&spec->keys_in.encr), secret_bytes(&spec->keys_in.integ));
	return c;
}

static struct policy *policy_join(struct esp *esp, struct child *c)
{
	struct policy *p = policy_make(esp, c->spec.reqid);
	struct child **end;

	if (!p)
		return NULL;
	if (spd_add(esp->spd, &c->rules, p, &c->spec.local, &c->spec.remote, c->spec.priority) <
		0) {
		policy_settle(esp, p);
		return NULL;
	}
	end = &p->children;
	while (*end)
		end = &(*end)->sibling;
	*end = c;
	c->policy = p;
	return p;
}

static void policy_leave(struct esp *esp, struct policy *p, struct child *c)
{
	policy_unlink(p, c);
	policy_settle(esp, p);
}

static void child_unregister(struct esp *esp, struct child *c)
{
	uint8_t key[4];

	table_take(esp->by_id, key_of(c->spec.child_id, key));
	table_take(esp->by_spi, key_of(c->spec.spi_in, key));
	path_leave(esp, c);
	if (c->policy)
		policy_leave(esp, c->policy, c);
	tracks_leave(esp, c);
}

/* Wherever it is looked for, or nowhere. An offer of the SPI ends. */
static int child_register(struct esp *esp, struct child *c)
{
	uint8_t id[4], spi[4];
	int error = table_put(esp->by_id, key_of(c->spec.child_id, id), c);

	if (error != 0)
		return error;

	esp_release_spi(esp, c->spec.spi_in);
	error = table_put(esp->by_spi, key_of(c->spec.spi_in, spi), c);
	if (error != 0) {
		table_take(esp->by_id, BYTES_OF(id));
		return error;
	}
	error = path_join(esp, c);
	if (error == 0)
		error = tracks_join(esp, c);
	if (error == 0 && !policy_join(esp, c))
		error = -ENOMEM;
	if (error != 0)
		child_unregister(esp, c);
	return error;
}

int esp_install_in(struct esp *esp, ike_time now, const struct child_spec *spec)
{
	struct child *c;
	int error;

	(void)now;
	if (!spec_is_valid(spec) || !keys_are_valid(spec, &spec->keys_in))
		return -EINVAL;

	c = child_new(esp, spec);
	if (!c)
		return -ENOMEM;
	error = c->in.sealer ? child_register(esp, c) : -EIO;
	if (error != 0) {
		child_free(esp, c);
		return error;
	}
	c->next = esp->children;
	if (c->next)
		c->next->prev = c;
	esp->children = c;
	return 0;
}

int esp_install_out(struct esp *esp, ike_time now, const struct child_spec *spec)
{
	struct child *c = child_find(esp, spec->child_id);

	(void)now;
	if (!c)
		return -ENOENT;
	if (c->out_order) /* never twice: the sequence would begin again under the same key */
		return -EEXIST;
	if (spec->spi_out < SPI_MIN || !suite_known(&spec->suite) || !path_is_valid(&spec->path) ||
		memcmp(&spec->suite, &c->spec.suite, sizeof(spec->suite)) != 0 ||
		!keys_are_valid(spec, &spec->keys_out))
		return -EINVAL;

	c->out.sealer = sealer_new(esp->options.crypto, &spec->suite,
		secret_bytes(&spec->keys_out.encr), secret_bytes(&spec->keys_out.integ));
	if (!c->out.sealer)
		return -EIO;
	c->out_order = ++esp->installed;
	c->spec.spi_out = spec->spi_out;
	policy_unlink(c->policy, c);
	c->sibling = c->policy->children;
	c->policy->children = c;
	c->policy->trap.acquired = false;
	c->policy->trap.holding = spec->answered && c->policy->trap.stats.kept_packets;
	policy_choose(c->policy);
	return 0;
}

int esp_update_path(struct esp *esp, const struct child_spec *spec)
{
	struct child *c = child_find(esp, spec->child_id);
	int failed, untracked;

	if (!c)
		return -ENOENT;
	if (!path_is_valid(&spec->path))
		return -EINVAL;

	tracks_move(esp, c, spec);
	tracks_leave(esp, c);
	path_leave(esp, c);
	c->spec.path = spec->path;
	c->spec.encap = spec->encap;
	c->spec.peer_nat = spec->peer_nat;
	c->mapping_told = (struct endpoint){ 0 };
	failed = path_join(esp, c);
	untracked = tracks_join(esp, c);
	return failed ? failed : untracked;
}

int esp_remove_out(struct esp *esp, uint32_t child_id)
{
	struct child *c = child_find(esp, child_id);

	if (!c)
		return -ENOENT;

	sealer_free(c->out.sealer);
	c->out.sealer = NULL;
	policy_choose(c->policy);
	return 0;
}

int esp_remove(struct esp *esp, uint32_t child_id)
{
	struct child *c = child_find(esp, child_id);

	if (!c)
		return -ENOENT;

	*(c->prev ? &c->prev->next : &esp->children) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	child_unregister(esp, c);
	child_free(esp, c);
	return 0;
}

/* Traps. */

static int trap_lay(struct esp *esp, const struct child_spec *spec, bool shunt)
{
	struct policy *p;

	if (spec->local.count == 0 || spec->remote.count == 0 ||
		spec->local.count > SELECTORS_MAX || spec->remote.count > SELECTORS_MAX)
		return -EINVAL;

	p = policy_make(esp, spec->reqid);
	if (!p)
		return -ENOMEM;
	spd_remove(esp->spd, &p->trap.rules);
	esp->drop_shunts -= p->trap.mode == CHILD_DROP;
	p->trap.laid = true;
	p->trap.mode = shunt ? spec->mode : CHILD_TUNNEL;
	esp->drop_shunts += p->trap.mode == CHILD_DROP;
	p->trap.local = spec->local;
	p->trap.remote = spec->remote;
	p->trap.priority = spec->priority;
	/* A shunt isn't ranked by its selectors alone, either. */
	if (spd_add(esp->spd, &p->trap.rules, p, &p->trap.local, &p->trap.remote,
		    shunt || spec->priority) < 0) {
		(void)esp_untrap(esp, spec->reqid);
		return -ENOMEM;
	}
	return 0;
}

int esp_trap(struct esp *esp, const struct child_spec *spec)
{
	return trap_lay(esp, spec, false);
}

int esp_shunt(struct esp *esp, const struct child_spec *spec)
{
	return mode_is_shunt(spec->mode) ? trap_lay(esp, spec, true) : -EINVAL;
}

int esp_unshunt(struct esp *esp, uint32_t reqid)
{
	return esp_untrap(esp, reqid);
}

int esp_untrap(struct esp *esp, uint32_t reqid)
{
	struct policy *p = policy_of(esp, reqid);

	if (!p || !p->trap.laid)
		return -ENOENT;

	kept_clear(esp, p);
	spd_remove(esp->spd, &p->trap.rules);
	esp->drop_shunts -= p->trap.mode == CHILD_DROP;
	p->trap = (struct trap){ 0 };
	policy_settle(esp, p);
	return 0;
}

void esp_trap_failed(struct esp *esp, uint32_t reqid)
{
	struct policy *p = policy_of(esp, reqid);

	if (!p)
		return;
	kept_clear(esp, p);
	p->trap.acquired = false;
}
