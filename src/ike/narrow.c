#include "ike/narrow.h"

#include <stdio.h>

#include "wire/prefix.h"

void selectors_add_address(struct selectors *to, const struct address *a)
{
	if (a->family && to->count < SELECTORS_MAX)
		to->list[to->count++] = (struct selector){
			.family = a->family, .port_last = 65535, .first = *a, .last = *a
		};
}

static void add_dynamic(
	struct selectors *to, const struct selector *like, const struct selectors *dynamic)
{
	for (size_t i = 0; i < dynamic->count && to->count < SELECTORS_MAX; i++) {
		struct selector s = *like;

		s.family = dynamic->list[i].family;
		s.first = dynamic->list[i].first;
		s.last = dynamic->list[i].last;
		to->list[to->count++] = s;
	}
}

void selectors_configured(const struct conf_selector *list, size_t count,
	const struct selectors *dynamic, struct selectors *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < count && ret->count < SELECTORS_MAX; i++) {
		if (list[i].dynamic)
			add_dynamic(ret, &list[i].selector, dynamic);
		else if (list[i].selector.family)
			ret->list[ret->count++] = list[i].selector;
	}
}

/* OPAQUE (65535..0) meets only any port and OPAQUE itself. */
static bool ports_intersect(
	const struct selector *a, const struct selector *b, struct selector *out)
{
	bool a_opaque = a->port_first > a->port_last, b_opaque = b->port_first > b->port_last;

	if (a_opaque || b_opaque) {
		const struct selector *other = a_opaque ? b : a;

		if (a_opaque != b_opaque && (other->port_first != 0 || other->port_last != 65535))
			return false;
		out->port_first = 65535;
		out->port_last = 0;
		return true;
	}
	out->port_first = a->port_first > b->port_first ? a->port_first : b->port_first;
	out->port_last = a->port_last < b->port_last ? a->port_last : b->port_last;
	return out->port_first <= out->port_last;
}

static bool selector_intersect(
	const struct selector *a, const struct selector *b, struct selector *out)
{
	if (!selectors_agree(a, b))
		return false;

	*out = (struct selector){ .family = a->family,
		.protocol = a->protocol ? a->protocol : b->protocol };
	out->first = address_compare(&a->first, &b->first) > 0 ? a->first : b->first;
	out->last = address_compare(&a->last, &b->last) < 0 ? a->last : b->last;
	return address_compare(&out->first, &out->last) <= 0 && ports_intersect(a, b, out);
}

static bool selector_equal(const struct selector *a, const struct selector *b)
{
	return a->family == b->family && a->protocol == b->protocol &&
		a->port_first == b->port_first && a->port_last == b->port_last &&
		address_equal(&a->first, &b->first) && address_equal(&a->last, &b->last);
}

static bool selector_within(const struct selector *inner, const struct selector *outer)
{
	struct selector both;

	return selector_intersect(inner, outer, &both) && selector_equal(&both, inner);
}

static void selectors_add(struct selectors *to, const struct selector *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < to->count; i++)
		if (selector_within(s, &to->list[i]))
			return;
	for (size_t i = 0; i < to->count; i++)
		if (!selector_within(&to->list[i], s))
			to->list[kept++] = to->list[i];
	to->count = kept;
	if (to->count < SELECTORS_MAX)
		to->list[to->count++] = *s;
}

void selectors_intersect(
	const struct selectors *a, const struct selectors *b, struct selectors *ret)
{
	struct selector both;

	ret->count = 0;
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (selector_intersect(&a->list[i], &b->list[j], &both))
				selectors_add(ret, &both);
}

bool selectors_within(const struct selectors *inner, const struct selectors *outer)
{
	for (size_t i = 0; i < inner->count; i++) {
		bool found = false;

		for (size_t j = 0; j < outer->count && !found; j++)
			found = selector_within(&inner->list[i], &outer->list[j]);
		if (!found)
			return false;
	}
	return true;
}

bool selectors_equal(const struct selectors *a, const struct selectors *b)
{
	return a->count == b->count && selectors_within(a, b) && selectors_within(b, a);
}

char *selectors_print(const struct selectors *s, char *out, size_t out_size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < s->count && used + SELECTOR_TEXT_MAX < out_size; i++) {
		char text[SELECTOR_TEXT_MAX];

		used += (size_t)snprintf(out + used, out_size - used, "%s%s", i ? " " : "",
			selector_print(&s->list[i], text));
	}
	return out;
}
