/* What must hold in every world, whatever happened. */
#include "sim/internal.h"

size_t host_sas(const struct host *h)
{
	struct ike_sa_view view;
	size_t position = 0, count = 0;

	while (h->engine && ike_next_sa(h->engine, &position, &view))
		count += view.state == IKE_ESTABLISHED || view.state == IKE_REKEYING;
	return count;
}

size_t host_half_open(const struct host *h)
{
	struct ike_sa_view view;
	size_t position = 0, count = 0;

	while (h->engine && ike_next_sa(h->engine, &position, &view))
		count += view.state == IKE_CREATED || view.state == IKE_CONNECTING;
	return count;
}

size_t host_children(const struct host *h)
{
	size_t count = 0;

	for (size_t i = 0; i < h->children_used; i++)
		count += h->children[i].in && h->children[i].out;
	return count;
}

static bool selectors_same(const struct selectors *a, const struct selectors *b)
{
	return a->count == b->count && memcmp(a->list, b->list, a->count * sizeof(a->list[0])) == 0;
}

static bool keys_same(const struct child_keys *a, const struct child_keys *b)
{
	return secret_equal(&a->encr, &b->encr) && secret_equal(&a->integ, &b->integ);
}

/* The child of another host whose inbound SPI is this one's outbound: whatever addresses a NAT box
 * makes of them. */
static const struct sim_child *other_end(
	const struct world *w, const struct host *h, const struct sim_child *c)
{
	for (size_t i = 0; i < w->host_count; i++) {
		const struct host *peer = w->hosts[i];

		for (size_t j = 0; peer != h && j < peer->children_used; j++) {
			const struct sim_child *other = &peer->children[j];

			if (other->in && other->spec.spi_in == c->spec.spi_out &&
				other->spec.spi_out == c->spec.spi_in)
				return other;
		}
	}
	return NULL;
}

static bool ends_fit(struct world *w, const struct child_spec *here, const struct child_spec *there)
{
	if (!keys_same(&here->keys_out, &there->keys_in) ||
		!keys_same(&here->keys_in, &there->keys_out)) {
		world_broken(w, "the ends of a child hold different keys");
		return false;
	}
	if (!selectors_same(&here->local, &there->remote) ||
		!selectors_same(&here->remote, &there->local)) {
		world_broken(w, "the ends of a child have selectors that don't fit");
		return false;
	}
	return true;
}

bool world_same_keys(struct world *w)
{
	for (size_t i = 0; i < w->host_count; i++) {
		const struct host *h = w->hosts[i];

		for (size_t j = 0; j < h->children_used; j++) {
			const struct sim_child *c = &h->children[j];
			const struct sim_child *other = c->in && c->out ? other_end(w, h, c) : NULL;

			if (other && !ends_fit(w, &c->spec, &other->spec))
				return false;
		}
	}
	return true;
}
