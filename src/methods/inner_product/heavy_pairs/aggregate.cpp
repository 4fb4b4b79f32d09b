#include "methods/inner_product/heavy_pairs/aggregate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/philox.hpp"
#include "comm/agree.hpp"
#include "numerics/hamming_kernel.hpp"

namespace breakeven::inner_product {
namespace {

constexpr Stream order_stream{520}, sign_stream{522}, coordinate_stream{524};  // A; B has the next one
constexpr double paper_gap = 4;
constexpr Index most_flagged = Index{1} << 24;  // 128 MiB on every rank; far more than where background is uniform

Stream of_side(Stream first, bool b) {
  return static_cast<Stream>(static_cast<std::uint32_t>(first) + (b ? 1 : 0));
}

std::vector<std::uint8_t> coins(const Philox& random, Index n, Index round) {
  std::vector<std::uint8_t> negative(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) negative[static_cast<std::size_t>(i)] = random.bits(i, round)[0] & 1;
  return negative;
}

/// Factors of P, the first at least the second and as near to it as can be.
std::pair<Index, Index> grid_of(int ranks) {
  Index columns = 1;
  for (Index c = 1; c * c <= ranks; ++c)
    if (ranks % c == 0) columns = c;
  return {ranks / columns, columns};
}

/// Edge of tiles that are at most `edge` long and of which `multiple` fill the groups without a rest.
Index edge_of(Index groups, Index edge, Index multiple) {
  const Index tiles = ((groups + edge - 1) / edge + multiple - 1) / multiple * multiple;
  return std::max<Index>(1, (groups + tiles - 1) / tiles);
}

}  // namespace

template <class T>
AggregateParams Aggregate<T>::normalised(Params params) {
  if (std::isnan(params.threshold)) params.threshold = params.signal - 2;
  return params;
}

/// Every rank gets as many tiles; with self the triangle is cut finer, for its diagonal tiles are half as much work.
template <class T>
std::vector<typename Aggregate<T>::Tile> Aggregate<T>::tiles(const AggregatePlan& plan, Index edge, bool self,
                                                             int ranks) {
  const auto [rows, columns] = grid_of(ranks);
  const Index edge_a = edge_of(plan.groups_a(), edge, self ? 2 * ranks : rows);
  const Index edge_b = self ? edge_a : edge_of(plan.groups_b(), edge, columns);
  std::vector<Tile> tiles;
  for (Index a = 0; a < plan.groups_a(); a += edge_a)
    for (Index b = self ? a : 0; b < plan.groups_b(); b += edge_b)
      tiles.push_back({{a, std::min(a + edge_a, plan.groups_a())}, {b, std::min(b + edge_b, plan.groups_b())}});
  return tiles;
}

template <class T>
Aggregate<T>::Aggregate(const Communicator& comm, const HeavyPairsSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      params_(params),
      plan_(spec, params),
      tiles_(tiles(plan_, params.tile, spec.self, comm.size())),
      all_a_(static_cast<std::size_t>(plan_.rows_a * spec.words())),
      all_b_(spec.self ? 0 : static_cast<std::size_t>(plan_.rows_b * spec.words())),
      hits_(spec) {
  for (Index round = 0; round < params.rounds; ++round) rounds_.push_back(draw(round));
  const Index edge_a = tiles_.front().a.size(), edge_b = tiles_.front().b.size();  // none is larger than the first
  product_.emplace(edge_a, edge_b, plan_.group, plan_.levels);
  features_a_.emplace(plan_.degree, plan_.set_size, plan_.group, edge_a, product_->depth());
  features_b_.emplace(plan_.degree, plan_.set_size, plan_.group, edge_b, product_->depth());
  limits_.resize(static_cast<std::size_t>(edge_b));
  counts_ = predicted(spec, params, comm.size());
}

template <class T>
typename Aggregate<T>::Round Aggregate<T>::draw(Index round) const {
  const auto seed = static_cast<std::uint64_t>(params_.draw);
  Round drawn;
  drawn.order_a = permutation(Philox(seed, of_side(order_stream, false)), plan_.rows_a, round);
  drawn.negative_a = coins(Philox(seed, of_side(sign_stream, false)), plan_.rows_a, round);
  if (!spec_.self) {
    drawn.order_b = permutation(Philox(seed, of_side(order_stream, true)), plan_.rows_b, round);
    drawn.negative_b = coins(Philox(seed, of_side(sign_stream, true)), plan_.rows_b, round);
  }
  drawn.sets = {plan_.degree, plan_.set_size, permutation(Philox(seed, coordinate_stream), spec_.d, round)};
  drawn.sets.coordinates.resize(static_cast<std::size_t>(plan_.degree * plan_.set_size));
  for (Index set = 0; set < plan_.degree; ++set) {  // ascending within a set: rows are read forwards
    const auto begin = drawn.sets.coordinates.begin() + set * plan_.set_size;
    std::sort(begin, begin + plan_.set_size);
  }
  return drawn;
}

template <class T>
const HeavyPairsSolution& Aggregate<T>::run(const HeavyPairsProblem<T>& problem) {
  gather_rows(problem);
  flagged_.clear();
  for (Index round = 0; round < params_.rounds; ++round)
    for (std::size_t tile = static_cast<std::size_t>(comm_.rank()); tile < tiles_.size();
         tile += static_cast<std::size_t>(comm_.size()))
      flag(round, tiles_[tile]);
  const std::vector<Index> flagged = shared_flagged();
  hits_.clear();
  compared_ = 0;
  compare_flagged(flagged);
  if (spec_.self) compare_within_groups();
  hits_.gather(comm_, solution_);
  counts_.gathered = hits_.gathered();
  counts_.flagged_pairs = static_cast<Index>(flagged.size());
  const double pairs = static_cast<double>(params_.rounds) * group_pairs(plan_, spec_.self);
  counts_.flagged_share = pairs > 0 ? static_cast<double>(flagged.size()) / pairs : 0;
  return solution_;
}

template <class T>
void Aggregate<T>::gather_rows(const HeavyPairsProblem<T>& problem) {
  const auto gather = [&](const Array<T>& mine, Index rows, AlignedVector<Word>& all) {
    std::vector<Index> lengths;
    for (int rank = 0; rank < comm_.size(); ++rank)
      lengths.push_back(block(rows, comm_.size(), rank).size() * spec_.words());
    comm_.all_gather<Word>(mine.span(), lengths, all);
  };
  gather(problem.a, plan_.rows_a, all_a_);
  if (!spec_.self) gather(problem.b, plan_.rows_b, all_b_);
}

template <class T>
GroupedRows Aggregate<T>::side_a(const Round& round) const {
  return {{all_a_.data(), plan_.rows_a, spec_.d}, round.order_a, round.negative_a, plan_.group};
}

template <class T>
GroupedRows Aggregate<T>::side_b(const Round& round) const {
  if (spec_.self) return side_a(round);
  return {{all_b_.data(), plan_.rows_b, spec_.d}, round.order_b, round.negative_b, plan_.group};
}

/// C = U V' of the tile, panel by panel, and the pairs of groups that stand out in it.
template <class T>
void Aggregate<T>::flag(Index round, const Tile& tile) {
  if (std::ssize(flagged_) > most_flagged) return;  // shared_flagged() will say so
  const Round& drawn = rounds_[static_cast<std::size_t>(round)];
  const GroupedRows a = side_a(drawn), b = side_b(drawn);
  product_->start(tile.a.size(), tile.b.size());
  features_a_->load(a, drawn.sets, tile.a);
  features_b_->load(b, drawn.sets, tile.b);
  for (Index begin = 0; begin < plan_.features; begin += product_->depth()) {
    const Range panel{begin, std::min(begin + product_->depth(), plan_.features)};
    features_a_->panel(panel, product_->u());
    features_b_->panel(panel, product_->v());
    product_->add(panel.size());
  }
  const std::span<const std::int32_t> c = product_->finish();
  for (Index i = tile.a.begin, size = 0; i < tile.a.end; ++i) {
    const std::int32_t* row = c.data() + (i - tile.a.begin) * tile.b.size();
    if (a.size_of(i) != size) set_limits(size = a.size_of(i), b, tile.b);
    for (Index j = spec_.self ? std::max(i + 1, tile.b.begin) : tile.b.begin; j < tile.b.end; ++j) {
      const Index k = j - tile.b.begin;
      if (std::abs(row[k]) >= limits_[static_cast<std::size_t>(k)])
        flagged_.push_back((round * plan_.groups_a() + i) * plan_.groups_b() + j);
    }
  }
}

/// threshold standard deviations of a product with a group of `size` rows, for every group of B in the range.
template <class T>
void Aggregate<T>::set_limits(Index size, const GroupedRows& b, Range range) {
  for (Index j = range.begin; j < range.end; ++j) {
    const double variance = static_cast<double>(size * b.size_of(j)) * static_cast<double>(plan_.features);
    limits_[static_cast<std::size_t>(j - range.begin)] =
        static_cast<std::int32_t>(std::ceil(plan_.threshold * std::sqrt(variance)));
  }
}

/// The flagged pairs of all ranks, on every rank. Background that correlates may flag nearly all there are.
template <class T>
std::vector<Index> Aggregate<T>::shared_flagged() const {
  const std::vector<Index> ones(static_cast<std::size_t>(comm_.size()), 1);
  std::vector<Index> lengths(ones.size());
  const Index mine = static_cast<Index>(flagged_.size());
  comm_.all_gather<Index>({&mine, 1}, ones, lengths);
  const Index total = std::accumulate(lengths.begin(), lengths.end(), Index{0});
  if (total > most_flagged)
    throw CollectiveError(ExitCode::failure, "threshold = " + to_text(Value(plan_.threshold)) + " flags more than " +
                                                 std::to_string(most_flagged) + " pairs of groups, at least " +
                                                 std::to_string(total));
  std::vector<Index> all(static_cast<std::size_t>(total));
  comm_.all_gather<Index>(flagged_, lengths, all);
  return all;
}

/// Dealt out in turn: whoever found them, every rank compares as many.
template <class T>
void Aggregate<T>::compare_flagged(const std::vector<Index>& flagged) {
  const auto ranks = static_cast<std::size_t>(comm_.size());
  for (std::size_t k = static_cast<std::size_t>(comm_.rank()); k < flagged.size() && !hits_.full(); k += ranks) {
    const Index groups = flagged[k] / plan_.groups_b();
    const Round& round = rounds_[static_cast<std::size_t>(groups / plan_.groups_a())];
    compare(side_a(round), groups % plan_.groups_a(), side_b(round), flagged[k] % plan_.groups_b());
  }
}

template <class T>
void Aggregate<T>::compare(const GroupedRows& a, Index group_a, const GroupedRows& b, Index group_b) {
  const bool same = spec_.self && group_a == group_b;
  for (Index r = 0; r < a.size_of(group_a); ++r) {
    const Index i = a.order[static_cast<std::size_t>(group_a * plan_.group + r)];
    for (Index s = same ? r + 1 : 0; s < b.size_of(group_b); ++s) {
      const Index j = b.order[static_cast<std::size_t>(group_b * plan_.group + s)];
      ++compared_;
      const Index differing = hamming_distance(a.rows.row(i), b.rows.row(j), spec_.words());
      if (differing <= spec_.radius()) hits_.add(i, j, differing);
    }
  }
}

template <class T>
void Aggregate<T>::compare_within_groups() {
  for (const Round& round : rounds_)
    for (Index group = comm_.rank(); group < plan_.groups_a() && !hits_.full(); group += comm_.size())
      compare(side_a(round), group, side_a(round), group);
}

template <class T>
double Aggregate<T>::group_pairs(const AggregatePlan& plan, bool self) {
  const auto a = static_cast<double>(plan.groups_a()), b = static_cast<double>(plan.groups_b());
  return self ? a * (a - 1) / 2 : a * b;
}

/// What is known before a run; flagged pairs as they are expected.
template <class T>
AggregateCounts Aggregate<T>::predicted(const HeavyPairsSpec& spec, const Params& params, int ranks) {
  const AggregatePlan plan(spec, params);
  Counts counts;
  counts.degree_used = plan.degree;
  counts.features = plan.features;
  counts.groups = plan.groups_a();
  counts.flagged_share = counts.flagged_share_expected = plan.flagged_share();
  const auto rounds = static_cast<double>(params.rounds);
  counts.flagged_pairs = static_cast<Index>(std::round(rounds * plan.flagged_share() * group_pairs(plan, spec.self)));
  counts.recall_expected = 1 - std::pow(1 - plan.recall_of_a_round(spec.rho, spec.d), rounds);
  counts.strassen_levels = plan.levels;
  for (const Tile& tile : tiles(plan, params.tile, spec.self, ranks))
    counts.multiply_adds += params.rounds * IntegerProduct::multiplications(
                                                {tile.a.size(), tile.b.size(), plan.features}, plan.group, plan.levels);
  const double pairs = spec.pairs(), per_pair = params.signal / std::pow(spec.rho, static_cast<double>(plan.degree));
  counts.model_multiply_adds = rounds * pairs * per_pair * per_pair;
  const double signs = pairs * static_cast<double>(spec.d);
  counts.model_ratio = counts.model_multiply_adds / signs;
  counts.measured_ratio = static_cast<double>(counts.multiply_adds) / signs;
  const double rows = std::sqrt(static_cast<double>(plan.rows_a) * static_cast<double>(plan.rows_b));
  const PaperConstants paper = paper_constants(rows, spec.rho, paper_gap);
  counts.paper_dimension = paper.dimension;
  counts.paper_degree = paper.degree;
  counts.paper_log10_features = paper.log10_features;
  counts.gathered = expected_hits(spec);
  return counts;
}

template <class T>
AggregateCounts Aggregate<T>::expected(const HeavyPairsSpec& spec, const Params& params) {
  return predicted(spec, params, 1);
}

template <class T>
Promise Aggregate<T>::promise() const {
  Promise promise;
  promise.reason = "a pair of correlation rho is found with probability " +
                   to_text(Value(std::round(1e4 * counts_.recall_expected) / 1e4)) +
                   " if the other rows are independent; the paper's constants would need d = " +
                   to_text(Value(counts_.paper_dimension)) + ", degree " + std::to_string(counts_.paper_degree) +
                   ", 10^" + to_text(Value(std::round(10 * counts_.paper_log10_features) / 10)) + " features";
  return promise;
}

template <class T>
Schedule Aggregate<T>::schedule(const HeavyPairsSpec& spec, const Params& params, const Counts& counts, int ranks,
                                int rank) {
  const AggregatePlan plan(spec, params);
  const auto word = static_cast<Index>(sizeof(Word));
  const auto rows_bytes = [&](Index rows) { return block(rows, ranks, rank).size() * spec.words() * word; };
  Schedule schedule;
  schedule.communicate(Operation::all_gather, rows_bytes(plan.rows_a));
  if (!spec.self) schedule.communicate(Operation::all_gather, rows_bytes(plan.rows_b));

  const std::vector<Tile> all = tiles(plan, params.tile, spec.self, ranks);
  double feature_operations = 0, multiply_adds = 0;
  for (std::size_t tile = static_cast<std::size_t>(rank); tile < all.size(); tile += static_cast<std::size_t>(ranks)) {
    const Index a = all[tile].a.size(), b = all[tile].b.size();
    feature_operations += static_cast<double>((a + b) * plan.group) * static_cast<double>(plan.features * plan.degree);
    multiply_adds +=
        static_cast<double>(IntegerProduct::multiplications({a, b, plan.features}, plan.group, plan.levels));
  }
  const auto rounds = static_cast<double>(params.rounds);
  const double panel_bytes = 2 * multiply_adds * static_cast<double>(sizeof(float)) / static_cast<double>(params.tile);
  schedule.compute(rounds * (feature_operations + 2 * multiply_adds), rounds * panel_bytes);
  schedule.communicate(Operation::all_gather, sizeof(Index)).varying(Operation::all_gather);
  const double compared = static_cast<double>(counts.flagged_pairs * plan.group * plan.group) / ranks;
  schedule.compute(compared * static_cast<double>(spec.d), compared * static_cast<double>(spec.words() * word));
  HitList::communicate(schedule);

  const Index edge_a = all.front().a.size(), edge_b = all.front().b.size();
  const Index depth = IntegerProduct::panel_depth(plan.group, plan.levels);
  const Index drawn = params.rounds * (plan.rows_a + (spec.self ? 0 : plan.rows_b)) * (word + 1);
  const auto features = [&](Index groups) {
    return GroupFeatures::bytes(plan.degree, plan.set_size, plan.group, groups, depth);
  };
  return schedule.resident((plan.rows_a + (spec.self ? 0 : plan.rows_b)) * spec.words() * word + drawn +
                           features(edge_a) + features(edge_b) +
                           IntegerProduct::bytes(edge_a, edge_b, plan.group, plan.levels) +
                           2 * counts.flagged_pairs * word + HitList::bytes(counts.gathered));
}

template class Aggregate<Word>;

}  // namespace breakeven::inner_product
