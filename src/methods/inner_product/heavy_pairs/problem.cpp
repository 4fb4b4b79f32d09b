#include "methods/inner_product/heavy_pairs/problem.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "methods/inner_product/heavy_pairs/generators.hpp"
#include "numerics/chance.hpp"

namespace breakeven::inner_product {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void load(const Source<Word>& source, std::string_view name, const std::vector<Range>& ranges, Array<Word>& rows) {
  Word* at = rows.data();
  for (const Range& range : ranges) {
    const auto words = static_cast<std::size_t>(range.size() * rows.columns());
    source.rows(name, 0, range, {at, words});
    at += words;
  }
}

Index most_planted(const HeavyPairsSpec& spec) {
  return spec.self ? spec.n / 2 : std::min(spec.n, spec.n_b);
}

void validate_synthetic(const HeavyPairsSpec& spec) {
  require_at_least("planted", 0, spec.planted);
  if (spec.planted > most_planted(spec))
    throw BadRequest("planted must be at most " + std::to_string(most_planted(spec)) + (spec.self ? " = n / 2" : "") +
                     ": no row is in two planted pairs, got " + std::to_string(spec.planted));
  if (spec.data == "uniform") return;
  if (!(spec.background >= 0 && spec.background < 1))
    throw BadRequest("background must be at least 0 and below 1, got " + to_text(Value(spec.background)));
  if (spec.data == "clustered") require_at_least("clusters", 1, spec.clusters);
}

}  // namespace

Index HeavyPairsSpec::radius() const {
  // The decimal that was typed decides: rho is off by half an ulp and so is the product, so that a whole number may be
  // missed by 2^-52 of itself. 2^-51 is a safe step down, far below the distance to the next whole number.
  const auto least = static_cast<Index>(std::ceil(rho * static_cast<double>(d) * (1 - 0x1p-51)));
  return (d - least) / 2;
}

double HeavyPairsSpec::pairs() const {
  const auto rows = static_cast<double>(n);
  return self ? rows * (rows - 1) / 2 : rows * static_cast<double>(n_b);
}

double HeavyPairsSpec::heavy_by_chance() const {
  return pairs() * chance_of_distance(d, radius());
}

template <class T>
HeavyPairsProblem<T>::HeavyPairsProblem(const Spec& wanted, const Source<T>& source, const Layout& rows, int rank)
    : spec(wanted),
      layout(rows),
      a(1, rows.rows(rank), wanted.words()),
      b(1, wanted.self ? 0 : block(wanted.n_b, rows.ranks(), rank).size(), wanted.words()),
      rank_(rank) {
  Index before = 0;  // entries of the datasets before the one that is read
  try {
    load(source, "a", layout.ranges(rank), a);
    before = spec.n * spec.d;
    if (!spec.self) load(source, "b", {block(spec.n_b, rows.ranks(), rank)}, b);
  } catch (const BadSign& bad) {
    bad_value_ = BadValue{before + bad.row() * spec.d + bad.column(), bad.what()};
  }
}

template <class T>
HeavyPairsSpec HeavyPairsProblem<T>::normalised(Spec spec) {
  if (spec.n_b == 0) spec.n_b = spec.n;
  if (spec.data.empty()) return spec;  // an input file's: from_input() refuses what describes generated data
  if (spec.data == "uniform") spec.background = nan;
  if (spec.data != "clustered") spec.clusters = unknown_index;
  return spec;
}

template <class T>
void HeavyPairsProblem<T>::validate(const Spec& spec) {
  require_at_least("n", 1, spec.n);
  require_at_least("n-b", 1, spec.n_b);
  require_at_least("d", 1, spec.d);
  require_at_least("max-hits", 1, spec.max_hits);
  require_countable("(n + n-b) d, the signs of the data,",
                    (static_cast<double>(spec.n) + static_cast<double>(spec.n_b)) * static_cast<double>(spec.d));
  if (spec.self && spec.n_b != spec.n)
    throw BadRequest("n-b must be n = " + std::to_string(spec.n) + " where A is searched in itself, got " +
                     std::to_string(spec.n_b));
  if (!(spec.rho > 0 && spec.rho < 1))
    throw BadRequest("rho must be above 0 and below 1, got " +
                     (std::isnan(spec.rho) ? "NaN" : to_text(Value(spec.rho))));
  if (spec.data != "file") validate_synthetic(spec);
}

template <class T>
HeavyPairsSpec HeavyPairsProblem<T>::from_input(const Spec& wanted, const InputFile& file) {
  Spec spec = wanted;
  const auto [rows_a, columns] = file.sign_shape("a");
  take_size("d", columns, spec.d);
  take_rows("n", file, "a", rows_a, spec.n);
  if (spec.self) {
    if (wanted.n_b == unknown_index) spec.n_b = spec.n;
  } else {
    const auto [rows_b, columns_b] = file.sign_shape("b");
    if (columns_b != columns)
      throw BadRequest(file.path() + ": /b has " + std::to_string(columns_b) + " signs a row but /a has " +
                       std::to_string(columns) + "; they must be equal");
    if (wanted.n_b == unknown_index && wanted.n != unknown_index) spec.n_b = std::min(wanted.n, rows_b);
    take_rows("n-b", file, "b", rows_b, spec.n_b);
  }
  refuse_with_input("planted", wanted.planted);
  refuse_with_input("background", wanted.background);
  refuse_with_input("clusters", wanted.clusters);
  if (std::isnan(spec.rho)) spec.rho = Spec{}.rho;
  if (spec.max_hits == unknown_index) spec.max_hits = Spec{}.max_hits;
  spec.data = "file";
  return spec;
}

template <class T>
std::unique_ptr<Source<T>> HeavyPairsProblem<T>::generate(const Spec& spec, std::uint64_t seed) {
  return std::make_unique<GeneratedSigns<T>>(spec, seed);
}

template <class T>
Index HeavyPairsProblem<T>::data_bytes(const Spec& spec, const Layout& layout, int rank) {
  const Index rows_b = spec.self ? 0 : block(spec.n_b, layout.ranks(), rank).size();
  return (layout.rows(rank) + rows_b) * spec.words() * static_cast<Index>(sizeof(T));
}

template <class T>
bool HeavyPairsProblem<T>::agrees(const Reference&, const Solution& x, const Solution& y) {
  return std::ranges::equal(x.pairs.span(), y.pairs.span());
}

template <class T>
std::vector<SolutionArray> HeavyPairsProblem<T>::solution_arrays(const Spec&, const Layout& layout, int rank,
                                                                 const Solution& solution) {
  // Every rank holds all hits; each saves its share of them.
  const Range rows = block(solution.hits(), layout.ranks(), rank);
  SolutionArray pairs;
  pairs.name = "pairs";
  pairs.shape = {solution.hits(), 3};
  pairs.ranges = {rows};
  pairs.values = solution.pairs.span().subspan(static_cast<std::size_t>(3 * rows.begin),
                                               static_cast<std::size_t>(3 * rows.size()));
  return {pairs};
}

template <class T>
std::vector<std::string> HeavyPairsProblem<T>::warnings(const Spec& spec, const Reference& reference) {
  std::vector<std::string> texts;
  if (spec.data == "file") return texts;  // nobody said what is background there
  const auto d = static_cast<double>(spec.d);
  // Chance takes a uniform pair to sqrt(2 d ln(1 / p)) with probability p at most (Hoeffding): the largest of all pairs
  // is expected below sqrt(2 d ln pairs), and twice that separates it from the planted ones.
  const double separating = 2 * std::sqrt(2 * d * std::log(std::max(spec.pairs(), 1.0)));
  if (spec.rho * d < separating)
    texts.push_back("background pairs may exceed the threshold: rho d = " + to_text(Value(spec.rho * d)) +
                    " is below 2 sqrt(2 d ln(pairs)) = " + to_text(Value(std::round(separating * 10) / 10)));
  if (reference.background_hits == 0) return texts;
  texts.push_back(std::to_string(reference.background_hits) + " background pairs exceed the threshold in " +
                  std::to_string(reference.rows_checked) + " checked rows");
  const double share = static_cast<double>(reference.rows_checked) / static_cast<double>(spec.n);
  if (spec.data == "uniform")
    texts.back() += ", " + to_text(Value(std::round(share * spec.heavy_by_chance()))) + " expected";
  return texts;
}

template <class T>
std::string HeavyPairsProblem<T>::disproof(const Quality& quality) {
  if (quality.precision == 1) return "";
  return "precision is " + to_text(Value(quality.precision)) +
         ", must be 1: a reported pair is not heavy, comes twice or out of order, or ranks differ";
}

template struct HeavyPairsProblem<Word>;

}  // namespace breakeven::inner_product
