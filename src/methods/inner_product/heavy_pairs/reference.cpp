#include <algorithm>
#include <array>
#include <utility>

#include "base/philox.hpp"
#include "base/sha256.hpp"
#include "comm/agree.hpp"
#include "methods/inner_product/heavy_pairs/generators.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"

// The oracle of inner_product/heavy_pairs: counts differing signs word by word with a popcount of its own; shares no
// code with any method. Exact on the same rows of A whatever the method and the number of ranks.
namespace breakeven::inner_product {
namespace {

constexpr Index rows_checked_fully = 4096;  // up to here every row of A is compared with all of B
constexpr Index rows_sampled = 1024;        // above, this many
constexpr Index rows_at_once = 512;         // of B: a block that stays in cache
constexpr Stream checked_rows_stream{100};

using Pair = std::array<Index, 2>;

/// Bits set in a word, by adding neighbours (Warren, Hacker's Delight, section 5-1); no instruction set needed.
Word ones(Word x) {
  x -= (x >> 1) & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  x += x >> 8;
  x += x >> 16;
  x += x >> 32;
  return x & 0x7f;
}

Index distance(const Word* x, const Word* y, Index words) {
  Word differing = 0;
  for (Index w = 0; w < words; ++w) differing += ones(x[w] ^ y[w]);
  return static_cast<Index>(differing);
}

Array<Word> gather_rows(const Source<Word>& source, const std::vector<Index>& rows, Index words) {
  Array<Word> gathered(1, static_cast<Index>(rows.size()), words);
  for (std::size_t i = 0; i < rows.size(); ++i)
    source.rows("a", 0, {rows[i], rows[i] + 1},
                {gathered.row(0, static_cast<Index>(i)), static_cast<std::size_t>(words)});
  return gathered;
}

/// The heavy pairs of the checked rows of A with the rows `share` of B; stops behind max-hits.
std::vector<Pair> heavy_pairs(const HeavyPairsSpec& spec, const Source<Word>& source, const std::vector<Index>& rows,
                              Range share) {
  const Array<Word> checked = gather_rows(source, rows, spec.words());
  const Index radius = spec.radius();
  std::vector<Pair> found;
  for (Index begin = share.begin; begin < share.end; begin += rows_at_once) {
    const Range part{begin, std::min(begin + rows_at_once, share.end)};
    const Array<Word> b = source.rows(spec.self ? "a" : "b", 0, part);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const Index i = rows[k];
      for (Index j = spec.self ? std::max(part.begin, i + 1) : part.begin; j < part.end; ++j)
        if (distance(checked.row(0, static_cast<Index>(k)), b.row(0, j - part.begin), spec.words()) <= radius)
          found.push_back({i, j});
    }
    if (static_cast<Index>(found.size()) > spec.max_hits) break;
  }
  return found;
}

/// All ranks' pairs, ascending; nothing if they are more than max-hits.
std::vector<Pair> gather(const Communicator& comm, const std::vector<Pair>& mine, Index max_hits) {
  std::vector<Index> lengths = comm.gather(2 * static_cast<Index>(mine.size()));
  Index entries = 0;
  for (const Index length : lengths) entries += length;
  if (entries / 2 > max_hits) return {};
  std::vector<Index> flat, all(static_cast<std::size_t>(entries));
  for (const Pair& pair : mine) flat.insert(flat.end(), pair.begin(), pair.end());
  comm.all_gather<Index>(flat, lengths, all);
  std::vector<Pair> pairs;
  for (std::size_t k = 0; k < all.size(); k += 2) pairs.push_back({all[k], all[k + 1]});
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

std::vector<Pair> sorted_planted(const HeavyPairsSpec& spec, std::uint64_t seed) {
  std::vector<Pair> pairs;
  for (const PlantedPair& pair : planted_pairs(spec, seed)) pairs.push_back({pair.i, pair.j});
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

/// Whether all ranks hold the same list.
bool same_everywhere(const Communicator& comm, const HeavyPairsSolution& solution) {
  const auto bytes = std::as_bytes(solution.pairs.span());
  const std::string mine = sha256({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const std::vector<std::string> all = comm.gather_texts(mine);
  return std::all_of(all.begin(), all.end(), [&](const std::string& other) { return other == mine; });
}

/// Where a global row lies among those of `ranges`; -1 if elsewhere.
Index local_row(const std::vector<Range>& ranges, Index row) {
  Index before = 0;
  for (const Range& range : ranges) {
    if (row >= range.begin && row < range.end) return before + row - range.begin;
    before += range.size();
  }
  return -1;
}

}  // namespace

template <class T>
HeavyPairsReference HeavyPairsProblem<T>::reference(const Communicator& comm, const Spec& spec, const Source<T>& source,
                                                    std::uint64_t seed) {
  const Index count = spec.n <= rows_checked_fully ? spec.n : rows_sampled;
  const std::vector<Index> rows = sample_without_replacement(Philox(seed, checked_rows_stream), spec.n, count);
  const std::vector<Pair> mine = heavy_pairs(spec, source, rows, block(spec.n_b, comm.size(), comm.rank()));
  const Index found = comm.all_reduce(static_cast<Index>(mine.size()));
  const std::vector<Pair> checked = gather(comm, mine, spec.max_hits), planted = sorted_planted(spec, seed);

  HeavyPairsReference reference;
  reference.rows_checked = static_cast<Index>(rows.size());
  reference.more_than_max_hits = found > spec.max_hits;
  std::vector<Pair> background, expected;
  std::ranges::set_difference(checked, planted, std::back_inserter(background));
  std::ranges::set_union(checked, planted, std::back_inserter(expected));
  reference.background_hits = reference.more_than_max_hits ? found : static_cast<Index>(background.size());
  reference.pairs = Array<Index>(1, static_cast<Index>(expected.size()), 2);
  for (std::size_t k = 0; k < expected.size(); ++k)
    std::ranges::copy(expected[k], reference.pairs.row(0, static_cast<Index>(k)));
  return reference;
}

/// How many of the hits are heavy pairs, with the inner product reported, and in their place. Owners hand out the rows
/// of B, a chunk of hits at a time; owners of the rows of A compare.
template <class T>
Index HeavyPairsProblem<T>::verified_hits(const Communicator& comm, const HeavyPairsProblem& problem,
                                          const Solution& solution) {
  constexpr Index hits_at_once = 4096;
  const Spec& spec = problem.spec;
  const std::vector<Range>& rows_a = problem.layout.ranges(problem.rank_);
  const std::vector<Range> rows_b = spec.self ? rows_a : std::vector<Range>{block(spec.n_b, comm.size(), comm.rank())};
  const BitView a = problem.a_view(), b = problem.b_view();
  Array<Word> partners(1, hits_at_once, spec.words());
  Index right = 0;
  for (Index begin = 0; begin < solution.hits(); begin += hits_at_once) {
    const Index count = std::min(hits_at_once, solution.hits() - begin);
    std::ranges::fill(partners.span(), Word{0});
    for (Index h = 0; h < count; ++h)
      if (const Index j = local_row(rows_b, solution.pairs(0, begin + h, 1)); j >= 0)
        std::copy_n(b.row(j), spec.words(), partners.row(0, h));
    comm.all_reduce(partners.span().first(static_cast<std::size_t>(count * spec.words())));
    for (Index h = 0; h < count; ++h) {
      const Index* hit = solution.pairs.row(0, begin + h);
      const Index i = local_row(rows_a, hit[0]);
      if (i < 0 || hit[1] < 0 || hit[1] >= spec.n_b || (spec.self && hit[0] >= hit[1])) continue;
      const Index apart = distance(a.row(i), partners.row(0, h), spec.words());
      const bool in_place = begin + h == 0 || Pair{hit[-3], hit[-2]} < Pair{hit[0], hit[1]};
      if (apart <= spec.radius() && hit[2] == spec.product_at(apart) && in_place) ++right;
    }
  }
  return comm.all_reduce(right);
}

template <class T>
HeavyPairsQuality HeavyPairsProblem<T>::quality(const Communicator& comm, const Reference& reference,
                                                const HeavyPairsProblem& problem, const Solution& solution) {
  if (reference.more_than_max_hits)
    throw CollectiveError(ExitCode::failure, "more than max-hits = " + std::to_string(problem.spec.max_hits) +
                                                 " pairs are heavy: there is nothing to compare with");
  Quality quality;
  quality.hits = solution.hits();
  quality.rows_checked = reference.rows_checked;
  quality.background_hits = reference.background_hits;
  quality.precision = 0;  // of ranks that differ nothing can be counted together
  if (same_everywhere(comm, solution)) {
    const Index right = verified_hits(comm, problem, solution);
    quality.precision = quality.hits == 0 ? 1 : static_cast<double>(right) / static_cast<double>(quality.hits);
  }
  Index found = 0;
  for (Index k = 0, h = 0; k < reference.pairs.rows(); ++k) {
    const Pair wanted{reference.pairs(0, k, 0), reference.pairs(0, k, 1)};
    while (h < solution.hits() && Pair{solution.pairs(0, h, 0), solution.pairs(0, h, 1)} < wanted) ++h;
    if (h < solution.hits() && Pair{solution.pairs(0, h, 0), solution.pairs(0, h, 1)} == wanted) ++found;
  }
  quality.missed = comm.all_reduce(reference.pairs.rows() - found, Reduction::maximum);
  const auto expected = static_cast<double>(reference.pairs.rows());
  quality.error = expected > 0 ? static_cast<double>(quality.missed) / expected : 0;
  quality.recall_reached = 1 - quality.error;
  return quality;
}

template HeavyPairsReference HeavyPairsProblem<Word>::reference(const Communicator&, const Spec&, const Source<Word>&,
                                                                std::uint64_t);
template HeavyPairsQuality HeavyPairsProblem<Word>::quality(const Communicator&, const Reference&,
                                                            const HeavyPairsProblem&, const Solution&);
template Index HeavyPairsProblem<Word>::verified_hits(const Communicator&, const HeavyPairsProblem&, const Solution&);

}  // namespace breakeven::inner_product
