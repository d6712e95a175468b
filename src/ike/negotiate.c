#include "ike/negotiate.h"

#include <errno.h>
#include <stdio.h>

#define PROPOSALS_MAX 32

static bool type_counts(const struct negotiation *n, uint8_t type)
{
	return type != TRANSFORM_KE || n->with_ke;
}

static const struct transform *find_transform(
	const struct proposal *p, const struct transform *like)
{
	for (size_t i = 0; i < p->transform_count; i++) {
		const struct transform *t = &p->transforms[i];

		if (t->type == like->type && t->id == like->id && t->key_bits == like->key_bits)
			return t;
	}
	return NULL;
}

/* INTEG, KE and ESN have a 0 that means none; leaving the type out says the same. */
static bool allows_none(const struct proposal *p, uint8_t type)
{
	if (type != TRANSFORM_INTEG && type != TRANSFORM_KE && type != TRANSFORM_ESN)
		return false;
	return proposal_count(p, type) == 0 ||
		find_transform(p, &(struct transform){ .type = type });
}

/* The first transform of a type in `preferred` that is also in `other`; NULL with *ret_none where
 * both go without. */
static const struct transform *choose_type(const struct proposal *preferred,
	const struct proposal *other, uint8_t type, bool *ret_none)
{
	*ret_none = false;
	for (size_t i = 0; i < preferred->transform_count; i++) {
		const struct transform *t = &preferred->transforms[i];

		if (t->type == type && find_transform(other, t))
			return t;
	}
	*ret_none = allows_none(preferred, type) && allows_none(other, type);
	return NULL;
}

static bool choose_pair(const struct negotiation *n, const struct proposal *ours,
	const struct proposal *theirs, struct proposal *ret_chosen)
{
	const struct proposal *preferred = n->prefer_ours ? ours : theirs,
			      *other = n->prefer_ours ? theirs : ours;
	struct proposal chosen = {
		.number = theirs->number, .protocol = theirs->protocol, .spi_size = theirs->spi_size
	};

	memcpy(chosen.spi, theirs->spi, sizeof(chosen.spi));
	for (uint8_t type = TRANSFORM_ENCR; type < TRANSFORM_TYPES; type++) {
		const struct transform *t;
		bool none;

		if (!type_counts(n, type))
			continue;
		t = choose_type(preferred, other, type, &none);
		if (t && (t->id || type == TRANSFORM_ESN))
			chosen.transforms[chosen.transform_count++] = *t;
		else if (!t && !none &&
			(proposal_count(ours, type) || proposal_count(theirs, type)))
			return false;
	}
	*ret_chosen = chosen;
	return true;
}

static int read_proposals(const struct negotiation *n, struct proposal *out, size_t *ret_count)
{
	struct sa_reader reader = sa_begin(n->theirs);
	size_t count = 0;
	int more;

	while (count < PROPOSALS_MAX && (more = sa_next(&reader, &out[count])) == 1) {
		if (out[count].protocol == n->protocol && !out[count].unusable)
			count++;
	}
	*ret_count = count;
	return count < PROPOSALS_MAX && more < 0 ? -EBADMSG : 0;
}

int negotiate(const struct negotiation *n, struct proposal *ret_chosen)
{
	struct proposal theirs[PROPOSALS_MAX];
	size_t count, outer, inner;

	if (read_proposals(n, theirs, &count) < 0)
		return -EBADMSG;

	outer = n->prefer_ours ? n->ours->count : count;
	inner = n->prefer_ours ? count : n->ours->count;
	for (size_t i = 0; i < outer; i++) {
		for (size_t j = 0; j < inner; j++) {
			const struct proposal *our = &n->ours->list[n->prefer_ours ? i : j].given;
			const struct proposal *their = &theirs[n->prefer_ours ? j : i];

			if (choose_pair(n, our, their, ret_chosen))
				return 1;
		}
	}
	return 0;
}

int negotiate_response(const struct negotiation *n, struct proposal *ret_chosen)
{
	struct proposal theirs[PROPOSALS_MAX];
	size_t count;

	if (read_proposals(n, theirs, &count) < 0 || count != 1)
		return -EBADMSG;
	for (uint8_t type = TRANSFORM_ENCR; type < TRANSFORM_TYPES; type++)
		if (proposal_count(&theirs[0], type) > 1)
			return -EBADMSG;
	return negotiate(n, ret_chosen);
}

bool negotiate_would(const struct proposal_list *ours, const struct proposal *chosen)
{
	struct negotiation n = { .ours = ours, .with_ke = true, .prefer_ours = true };
	struct proposal scratch;

	for (size_t i = 0; i < ours->count; i++)
		if (choose_pair(&n, &ours->list[i].given, chosen, &scratch))
			return true;
	return false;
}

static size_t append(char *out, size_t out_size, size_t used, const char *text)
{
	int n = used < out_size ? snprintf(out + used, out_size - used, "%s", text) : 0;

	return n > 0 ? used + (size_t)n : used;
}

void negotiate_explain(
	const struct negotiation *n, const struct where *where, char *out, size_t out_size)
{
	struct sa_reader reader = sa_begin(n->theirs);
	struct proposal p;
	char text[400];
	size_t used = append(out, out_size, 0, "they offer");

	for (const char *comma = " "; sa_next(&reader, &p) == 1; comma = ", ") {
		used = append(out, out_size, used, comma);
		used = append(out, out_size, used, proposal_print(&p, text, sizeof(text)));
	}
	used = append(out, out_size, used, "; we want");
	for (size_t i = 0; i < n->ours->count; i++) {
		used = append(out, out_size, used, i ? ", " : " ");
		used = append(out, out_size, used,
			proposal_print(&n->ours->list[i].given, text, sizeof(text)));
	}
	snprintf(
		text, sizeof(text), " (%s:%u)", where->file ? where->file : "default", where->line);
	append(out, out_size, used, text);
}

uint16_t proposals_first_group(const struct proposal_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct proposal *p = &list->list[i].given;

		for (size_t j = 0; j < p->transform_count; j++)
			if (p->transforms[j].type == TRANSFORM_KE)
				return p->transforms[j].id;
	}
	return 0;
}

bool proposals_have(const struct proposal_list *list, uint8_t type, uint16_t id)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct proposal *p = &list->list[i].given;

		for (size_t j = 0; j < p->transform_count; j++)
			if (p->transforms[j].type == type && p->transforms[j].id == id)
				return true;
	}
	return false;
}

static struct proposal proposal_for(
	const struct proposal *given, uint8_t protocol, struct bytes spi, bool with_ke)
{
	struct proposal p = *given;

	p.protocol = protocol;
	p.spi_size = (uint8_t)spi.size;
	if (spi.size)
		memcpy(p.spi, spi.data, spi.size);
	p.transform_count = 0;
	for (size_t i = 0; i < given->transform_count; i++)
		if (with_ke || given->transforms[i].type != TRANSFORM_KE)
			p.transforms[p.transform_count++] = given->transforms[i];
	return p;
}

void proposals_encode(struct writer *w, const struct proposal_list *list, uint8_t protocol,
	struct bytes spi, bool with_ke)
{
	struct proposal all[PROPOSALS_MAX];
	size_t count = list->count < PROPOSALS_MAX ? list->count : PROPOSALS_MAX;

	for (size_t i = 0; i < count; i++) {
		all[i] = proposal_for(&list->list[i].given, protocol, spi, with_ke);
		all[i].number = (uint8_t)(i + 1);
	}
	sa_encode(w, all, count);
}
