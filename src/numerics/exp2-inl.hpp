// 2^x of a whole vector, compiled once per target. The guard toggles because Highway includes this file once per
// target.
#if defined(BREAKEVEN_EXP2_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_EXP2_INL
#undef BREAKEVEN_EXP2_INL
#else
#define BREAKEVEN_EXP2_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// c_1 ... c_k of 2^f = 1 + c_1 f + ... + c_k f^k on [-1/2, 1/2], minimal maximal relative error with the constant term
// held at exactly 1 (Lawson's iteration, 40 decimal digits). 2^0 must be 1: every rescale of a running maximum
// multiplies by 2^0 where nothing has changed, and 1 + eps there would give old keys more weight with each rescale.
constexpr float exp2_coefficients(float, int k) {  // error 9.1e-8
  constexpr double c[] = {1.0,
                          0.69314697757071735086,
                          0.24022242066956655461,
                          0.055507337840684398883,
                          0.0096715134843959579424,
                          0.0013264714925253491087};
  return static_cast<float>(c[k]);
}
constexpr double exp2_coefficients(double, int k) {  // error 3.4e-18
  constexpr double c[] = {1.0,
                          0.69314718055994532581,
                          0.24022650695910131276,
                          0.055504108664820082741,
                          0.0096181291075941150384,
                          0.0013333558146774717063,
                          0.00015403530457117510823,
                          0.000015252733493047293797,
                          1.3215435279934951581e-6,
                          1.0178199601565235495e-7,
                          7.0737836144846418427e-9,
                          4.4347672341730535168e-10};
  return c[k];
}
template <class T>
inline constexpr int exp2_degree = sizeof(T) == 4 ? 5 : 11;

/// sum over k <= degree of coefficients(k) f^k.
template <int degree, class D, class Coefficients, class V = hn::VFromD<D>>
HWY_INLINE V horner(D d, V f, const Coefficients& coefficients) {
  V p = hn::Set(d, coefficients(degree));
#pragma GCC unroll 12
  for (int k = degree - 1; k >= 0; --k) p = hn::MulAdd(p, f, hn::Set(d, coefficients(k)));
  return p;
}

template <class D, class V = hn::VFromD<D>>
HWY_INLINE V exp2_fraction(D d, V f) {
  using T = hn::TFromD<D>;
  return horner<exp2_degree<T>>(d, f, [](int k) HWY_ATTR { return exp2_coefficients(T{}, k); });
}

/// 2^x, within 3 (float) or 2 (double) units in the last place. Below the smallest normal number the result is 0 or a
/// denormal (AVX-512), or that number (elsewhere); above 2^127 (float) or 2^1023 (double) it is at least that.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V exp2(D d, V x) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  const V whole = hn::Round(x);
  const V p = exp2_fraction(d, hn::Sub(x, whole));
  if constexpr (sizeof(hn::TFromD<D>) == 4)
    return V{_mm512_scalef_ps(p.raw, whole.raw)};  // multiplies by 2^whole and underflows correctly: no clamp
  else
    return V{_mm512_scalef_pd(p.raw, whole.raw)};
#else
  using T = hn::TFromD<D>;
  constexpr bool single = sizeof(T) == 4;
  constexpr int mantissa_bits = single ? 23 : 52;
  // Adding 1.5 * 2^mantissa_bits rounds to an integer and leaves it in the low bits of the sum.
  const V magic = hn::Set(d, single ? T(12582912.0) : T(6755399441055744.0));
  const V above = hn::Max(x, hn::Set(d, single ? T(-126) : T(-1022)));
  const V clamped = hn::Min(above, hn::Set(d, single ? T(127) : T(1023)));
  const V shifted = hn::Add(clamped, magic);
  const V p = exp2_fraction(d, hn::Sub(clamped, hn::Sub(shifted, magic)));
  const hn::RebindToSigned<D> di;
  const auto exponent = hn::ShiftLeft<mantissa_bits>(hn::BitCast(di, shifted));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
#endif
}

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL

// c_0 ... c_5 of 2^(u - 1/2) on [0, 1], minimal maximal relative error 7.5e-8 (Remez's exchange, 50 decimal digits).
inline constexpr float exp2_less_half_coefficients[] = {0.70710672819845872830F,   0.49013323846013491322F,
                                                        0.16981425113855450453F,   0.039475168064163499019F,
                                                        0.0063564233363800698844F, 0.0013276471992257416448F};

// c_1 ... c_6 of 2^f = 1 + c_1 f + ... on [0, 1/16], minimal maximal relative error 7.6e-18 (likewise).
inline constexpr double exp2_sixteenth_coefficients[] = {0.69314718055993774105,   0.24022650696146325866,
                                                         0.055504108419541985971,  0.0096181408030860942327,
                                                         0.0013330742245224846564, 0.00015736282854558428516};

// 2^(j / 16)
alignas(64) inline constexpr double exp2_sixteenths[] = {1.0,
                                                         1.0442737824274138403,
                                                         1.0905077326652576592,
                                                         1.1387886347566916537,
                                                         1.1892071150027210667,
                                                         1.2418578120734840486,
                                                         1.2968395546510096659,
                                                         1.3542555469368927283,
                                                         1.4142135623730950488,
                                                         1.4768261459394993114,
                                                         1.5422108254079408236,
                                                         1.6104903319492543082,
                                                         1.6817928305074290861,
                                                         1.7562521603732994831,
                                                         1.8340080864093424635,
                                                         1.9152065613971472939};

/// What exp2_weight() wants added to its argument: where that may be part of a sum that is taken anyway, it saves an
/// operation. With x + 1/2 the fraction above the next lower integer is that of x above the nearest one, plus 1/2, and
/// the processor's scaling by a power of two takes that integer from x + 1/2 itself.
template <class T>
inline constexpr double exp2_weight_offset = sizeof(T) == 4 ? 0.5 : 0;

/// 2^(x - exp2_weight_offset), as exact as exp2(), but 2^0 need not be 1.
template <class D, hwy::EnableIf<sizeof(hn::TFromD<D>) == 4>* = nullptr, class V = hn::VFromD<D>>
HWY_INLINE V exp2_weight(D d, V x) {
  const V u{_mm512_reduce_ps(x.raw, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
  const V p = horner<5>(d, u, [](int k) HWY_ATTR { return exp2_less_half_coefficients[k]; });
  return V{_mm512_scalef_ps(p.raw, x.raw)};
}

/// In double the sixteenths of x are looked up: a polynomial of degree 6, not 11, for two operations and a product.
template <class D, hwy::EnableIf<sizeof(hn::TFromD<D>) == 8>* = nullptr, class V = hn::VFromD<D>>
HWY_INLINE V exp2_weight(D d, V x) {
  constexpr int down = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
  // Adding 1.5 * 2^48 leaves the next lower multiple of 1/16 in the sum; its last four bits are all that a lookup
  // reads.
  const __m512i sixteenth = _mm512_castpd_si512(_mm512_add_round_pd(x.raw, _mm512_set1_pd(0x1.8p48), down));
  const V power{
      _mm512_permutex2var_pd(_mm512_load_pd(exp2_sixteenths), sixteenth, _mm512_load_pd(exp2_sixteenths + 8))};
  const V f{_mm512_reduce_pd(x.raw, 4 << 4 | down)};  // x less that multiple
  const V slope = horner<5>(d, f, [](int k) HWY_ATTR { return exp2_sixteenth_coefficients[k]; });
  return V{_mm512_scalef_pd(hn::MulAdd(slope, hn::Mul(f, power), power).raw, x.raw)};
}

#else

template <class T>
inline constexpr double exp2_weight_offset = 0;

template <class D, class V = hn::VFromD<D>>
HWY_INLINE V exp2_weight(D d, V x) {
  return exp2(d, x);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();
#endif
