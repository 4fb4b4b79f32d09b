#include "methods/regression/quantum_sampling/problem.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "methods/regression/query_ledger.hpp"

namespace breakeven::regression {
namespace {

constexpr Stream marked_stream{330}, weight_stream{331};
constexpr Index most_items = Index{1} << 48;       // exact in float64, with room for sums
constexpr Index most_iterations = Index{1} << 24;  // each is a step of the schedule

/// marked: `marked` of the items, chosen without replacement, have weight 1.
/// weighted: p_i = min(1, marked / (2 n sqrt(u_i))), u_i uniform in (0, 1]: few heavy items, as leverage scores have,
///           and a sum of about `marked`.
template <class T>
class WeightSource final : public Source<T> {
 public:
  WeightSource(const QuantumSamplingSpec& spec, std::uint64_t seed) : spec_(spec), seed_(seed) {
    if (!spec.weighted()) marked_ = sample_without_replacement(Philox(seed, marked_stream), spec.n, spec.marked);
  }
  Index columns(std::string_view) const override { return 1; }

 protected:
  void fill(std::string_view, Index, Range range, std::span<T> out) const override {
    std::fill(out.begin(), out.end(), T(0));
    auto item = std::lower_bound(marked_.begin(), marked_.end(), range.begin);
    for (; item != marked_.end() && *item < range.end; ++item) out[static_cast<std::size_t>(*item - range.begin)] = 1;
    if (!spec_.weighted()) return;
    const Philox random(seed_, weight_stream);
    const double scale = static_cast<double>(spec_.marked) / (2 * static_cast<double>(spec_.n));
    for (Index i = range.begin; i < range.end; ++i)
      out[static_cast<std::size_t>(i - range.begin)] =
          static_cast<T>(std::min(1.0, scale / std::sqrt(1 - random.uniform(i))));
  }

 private:
  QuantumSamplingSpec spec_;
  std::uint64_t seed_;
  std::vector<Index> marked_;  // ascending
};

void require_range(std::string_view option, Index least, Index most, Index value) {
  if (value < least || value > most)
    throw BadRequest(std::string(option) + " must be between " + std::to_string(least) + " and " +
                     std::to_string(most) + ", got " + std::to_string(value));
}

double positive_infinity_if_nan(double value) {
  return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
}

}  // namespace

template <class T>
QuantumSamplingProblem<T>::QuantumSamplingProblem(const Spec& wanted, const Source<T>& source, const Layout& rows,
                                                  int rank)
    : spec(wanted), layout(rows), weights(1, rows.rows(rank), 1), rank_(rank) {
  T* row = weights.data();
  for (const Range& range : layout.ranges(rank)) {
    source.rows("weights", 0, range, {row, static_cast<std::size_t>(range.size())});
    row += range.size();
  }
}

template <class T>
QuantumSamplingSpec QuantumSamplingProblem<T>::normalised(Spec spec) {
  const bool sizes_fit = spec.marked >= 1 && spec.marked <= spec.n && spec.n <= most_items;  // else validate says so
  if (spec.amplify_once() && spec.iterations == unknown_index && sizes_fit)
    spec.iterations = optimal_iterations(static_cast<double>(spec.n), static_cast<double>(spec.marked));
  return spec;
}

template <class T>
void QuantumSamplingProblem<T>::validate(const Spec& spec) {
  require_range("n", 1, most_items, spec.n);
  require_range("marked", 1, spec.n, spec.marked);
  if (spec.amplify_once()) {
    require_range("iterations", 0, most_iterations, spec.iterations);
    return;
  }
  if (spec.iterations != unknown_index)
    throw BadRequest("iterations must not be given with search " + spec.search + ", which finds them; got " +
                     std::to_string(spec.iterations));
  if (spec.weighted())
    throw BadRequest("search must be amplify for weighted data, which have no set of items to find; got " +
                     spec.search);
  // About 3 sqrt(n marked) of them: query_ledger.hpp.
  const double iterations = 3 * std::sqrt(static_cast<double>(spec.n) * static_cast<double>(spec.marked));
  if (iterations > static_cast<double>(most_iterations))
    throw BadRequest("search " + spec.search + " must take at most " + std::to_string(most_iterations) +
                     " iterations, about 3 sqrt(n marked), got " + to_text(Value(std::round(iterations))));
}

template <class T>
QuantumSamplingSpec QuantumSamplingProblem<T>::from_input(const Spec&, const InputFile& file) {
  throw BadRequest("quantum_sampling draws its weights and reads no input file, got " + file.path());
}

template <class T>
std::unique_ptr<Source<T>> QuantumSamplingProblem<T>::generate(const Spec& spec, std::uint64_t seed) {
  return std::make_unique<WeightSource<T>>(spec, seed);
}

template <class T>
Index QuantumSamplingProblem<T>::data_bytes(const Spec& spec, const Layout& layout, int rank) {
  const Index list = spec.weighted() ? 0 : spec.marked * static_cast<Index>(sizeof(Index));
  return layout.rows(rank) * static_cast<Index>(sizeof(T)) + list;
}

template <class T>
std::optional<BadValue> QuantumSamplingProblem<T>::first_bad_value() const {
  Index local = 0;
  for (const Range& range : layout.ranges(rank_))
    for (Index i = range.begin; i < range.end; ++i, ++local) {
      const auto weight = static_cast<double>(weights(0, local, 0));
      if (!(weight >= 0 && weight <= 1))
        return BadValue{i, "dataset /weights holds " + to_text(Value(weight)) + " at row " + std::to_string(i)};
    }
  return std::nullopt;
}

template <class T>
QuantumSamplingReference QuantumSamplingProblem<T>::reference(const Communicator& comm, const Spec& spec,
                                                              const Source<T>& source, std::uint64_t) {
  const Array<T> share = source.rows("weights", 0, block(spec.n, comm.size(), comm.rank()));
  long double weight = 0;
  for (const T entry : share.span()) weight += static_cast<long double>(entry);
  QuantumSamplingReference reference{spec, comm.all_reduce(static_cast<double>(weight)), 0};
  const long double angle =
      std::asin(std::sqrt(static_cast<long double>(reference.weight) / static_cast<long double>(spec.n)));
  const long double amplitude = std::sin(static_cast<long double>(2 * spec.iterations + 1) * angle);
  reference.success_law = static_cast<double>(amplitude * amplitude);
  return reference;
}

template <class T>
QuantumSamplingQuality QuantumSamplingProblem<T>::quality(const Communicator& comm, const Reference& reference,
                                                          const QuantumSamplingProblem& problem,
                                                          const Solution& solution) {
  const Spec& spec = problem.spec;
  const auto rows = static_cast<std::size_t>(problem.weights.rows());
  const auto weight_of = [&](std::size_t i) { return static_cast<double>(problem.weights.span()[i]); };
  const auto outcome_of = [&](std::size_t i) { return static_cast<double>(solution.outcome.span()[i]); };

  // Marked, and (without weights) the others: an item that is not marked shares what the marked ones leave.
  std::array<double, 3> sums{};  // success, everything measured, wrong items of a search
  for (std::size_t i = 0; i < rows; ++i) {
    sums[0] += weight_of(i) > 0 ? outcome_of(i) : 0;
    sums[1] += outcome_of(i);
    sums[2] += std::abs(outcome_of(i) - weight_of(i));
  }
  comm.all_reduce(std::span<double>(sums));

  QuantumSamplingQuality quality;
  quality.norm_drift = positive_infinity_if_nan(std::abs(solution.norm - 1));
  if (!spec.amplify_once()) {
    quality.error = positive_infinity_if_nan(sums[2] / reference.weight);
    if (std::isfinite(sums[0])) quality.missed = static_cast<Index>(std::round(reference.weight - sums[0]));
    return quality;
  }
  const double law = reference.success_law, unmarked = static_cast<double>(spec.n) - reference.weight;
  std::array<double, 2> differences{};  // to the law, to the weights
  for (std::size_t i = 0; i < rows; ++i) {
    const bool marked = weight_of(i) > 0;
    const double exact = marked ? law * weight_of(i) / reference.weight : (1 - law) / unmarked;
    differences[0] += std::abs(outcome_of(i) - exact);
    differences[1] += marked ? std::abs(outcome_of(i) / sums[0] - weight_of(i) / reference.weight) : 0;
  }
  comm.all_reduce(std::span<double>(differences));
  // Weighted, the measurement may also say "not marked", with what is left of the norm.
  if (spec.weighted()) differences[0] += std::abs((solution.norm - sums[1]) - (1 - law));
  quality.error = positive_infinity_if_nan(differences[0] / 2);
  quality.success = sums[0];
  quality.success_law = law;
  quality.target_variation = positive_infinity_if_nan(differences[1] / 2);
  return quality;
}

template <class T>
bool QuantumSamplingProblem<T>::agrees(const Reference& reference, const Solution& a, const Solution& b) {
  if (a.outcome.size() != b.outcome.size()) return false;
  // An iteration rounds an amplitude a few times (8 leaves room), a probability is its square. Relative to the largest:
  // the mean that everything is reflected about mixes them. Items found or not are equal or they are not.
  T largest = 0;
  for (const T entry : a.outcome.span()) largest = std::max(largest, std::abs(entry));
  const Index iterations = reference.spec.amplify_once() ? reference.spec.iterations + 2 : 0;
  const T tolerance = 8 * std::numeric_limits<T>::epsilon() * static_cast<T>(iterations) * largest;
  for (Index i = 0; i < a.outcome.size(); ++i)
    if (!(std::abs(a.outcome.data()[i] - b.outcome.data()[i]) <= tolerance)) return false;
  return true;
}

template <class T>
std::vector<SolutionArray> QuantumSamplingProblem<T>::solution_arrays(const Spec& spec, const Layout& layout, int rank,
                                                                      const Solution& solution) {
  SolutionArray outcome;
  outcome.name = "outcome";
  outcome.shape = {spec.n, 1};
  outcome.ranges = layout.ranges(rank);
  outcome.values = solution.outcome.span();
  return {outcome};
}

Layout sampling_layout(const QuantumSamplingSpec& spec, int ranks) {
  if (ranks > spec.n)
    throw BadRequest("n must be at least the number of ranks, " + std::to_string(ranks) + ", got " +
                     std::to_string(spec.n));
  return Layout::contiguous(spec.n, ranks);
}

void validate_sampling(const QuantumSamplingParams& params) {
  if (params.draw < 0) throw BadRequest("draw must be at least 0, got " + std::to_string(params.draw));
}

QuantumSamplingCounts expected_sampling(const QuantumSamplingSpec& spec, const QuantumSamplingParams& params) {
  if (spec.amplify_once()) return {spec.iterations, 1, (spec.weighted() ? 2 : 1) * spec.iterations + 1};
  const MarkedCount count = spec.search == "known" ? MarkedCount::known : MarkedCount::unknown;
  const SearchCost cost = find_all(spec.n, spec.marked, count, params.draw, 0, two_plane_attempt(spec.n));
  return {cost.iterations, cost.attempts, cost.queries};
}

template struct QuantumSamplingProblem<float>;
template struct QuantumSamplingProblem<double>;

}  // namespace breakeven::regression
