/* SPIs that were offered to a peer. It may send on one as soon as it has answered (RFC 7296 §2.8), so
 * that its packets overtake the answer, or come while that is being verified. They wait for the SA,
 * bounded in number, octets and time; of more, the later are lost. */
#include "esp/internal.h"

#include <errno.h>
#include <stdlib.h>

#define SPI_MIN   256 /* RFC 4303 §2.1 */
#define SPI_TRIES 64

static void offer_end(struct esp *esp, struct offer *o)
{
	uint8_t key[4];

	store_u32(key, o->spi);
	table_take(esp->offered, BYTES_OF(key));
	*(o->prev ? &o->prev->next : &esp->offers) = o->next;
	*(o->next ? &o->next->prev : &esp->offers_last) = o->prev;
	free(o);
}

static void early_end(struct esp *esp, struct early **at)
{
	struct early *e = *at;

	*at = e->next;
	if (!e->next)
		esp->early_end = at;
	esp->early_packets--;
	esp->early_bytes -= e->size;
	free(e);
}

void offers_free(struct esp *esp)
{
	while (esp->offers)
		offer_end(esp, esp->offers);
	while (esp->early)
		early_end(esp, &esp->early);
}

static void expire(struct esp *esp, ike_time now)
{
	while (esp->offers && now - esp->offers->at > OFFER_NS)
		offer_end(esp, esp->offers);
	while (esp->early && now - esp->early->at > EARLY_NS) {
		esp->drops[ESP_REASON_NO_SA]++;
		early_end(esp, &esp->early);
	}
}

static int offer(struct esp *esp, ike_time now, uint32_t spi)
{
	struct offer *o = calloc(1, sizeof(*o));
	uint8_t key[4];
	int r;

	if (!o)
		return -ENOMEM;
	*o = (struct offer){ .prev = esp->offers_last, .spi = spi, .at = now };
	store_u32(key, spi);
	r = table_put(esp->offered, BYTES_OF(key), o);
	if (r) {
		free(o);
		return r;
	}
	*(o->prev ? &o->prev->next : &esp->offers) = o;
	esp->offers_last = o;
	if (table_count(esp->offered) > OFFERS_MAX)
		offer_end(esp, esp->offers);
	return 0;
}

int esp_allocate_spi(struct esp *esp, ike_time now, uint32_t *ret_spi)
{
	uint8_t key[4];

	expire(esp, now);
	for (int i = 0; i < SPI_TRIES; i++) {
		int r;

		random_fill(&esp->options.random, key, sizeof(key));
		if (load_u32(key) < SPI_MIN || table_find(esp->by_spi, BYTES_OF(key)))
			continue;
		r = offer(esp, now, load_u32(key));
		if (r == -EEXIST)
			continue;
		if (r == 0)
			*ret_spi = load_u32(key);
		return r;
	}
	return -EEXIST;
}

void esp_release_spi(struct esp *esp, uint32_t spi)
{
	struct offer *o;
	uint8_t key[4];

	store_u32(key, spi);
	o = table_find(esp->offered, BYTES_OF(key));
	if (o)
		offer_end(esp, o);
}

enum esp_reason early_keep(struct esp *esp, ike_time now, const struct esp_in *in)
{
	struct early *e;

	expire(esp, now);
	if (!table_find(esp->offered, BYTES(in->packet.data, 4)))
		return ESP_REASON_NO_SA;
	if (esp->early_packets == EARLY_PACKETS || in->packet.size > EARLY_BYTES - esp->early_bytes)
		return ESP_REASON_EARLY_FULL;
	e = malloc(sizeof(*e) + in->packet.size);
	if (!e)
		return ESP_REASON_EARLY_FULL;
	*e = (struct early){ .at = now, .in = *in, .size = in->packet.size };
	memcpy(e->data, in->packet.data, e->size);
	e->in.packet = BYTES(e->data, e->size);
	e->in.own = NULL; /* it goes before what comes of it */
	*esp->early_end = e;
	esp->early_end = &e->next;
	esp->early_packets++;
	esp->early_bytes += e->size;
	return ESP_REASON_NONE;
}

size_t esp_early(struct esp *esp, ike_time now, struct esp_out *out, size_t out_count)
{
	struct early **at = &esp->early;
	size_t used = 0;

	expire(esp, now);
	while (*at && used < out_count) {
		if (!table_find(esp->by_spi, BYTES((*at)->data, 4))) {
			at = &(*at)->next;
			continue;
		}
		esp_inbound(esp, now, &(*at)->in, 1, &out[used++]);
		early_end(esp, at);
	}
	return used;
}
