#!/usr/bin/env python3
"""Fit the polynomials of codegen/vector_math_*.cpp and print them as C++ arrays.

Each fit is a weighted minimax polynomial by the Remez exchange (Remez 1934; Muller, "Elementary Functions", ch. 3) in 60-digit
arithmetic. The coefficients are rounded to the precision of their use and the weighted error is measured again after rounding.

    usage: fit_polynomials.py [NAME...]      fit all recipes, or those whose name contains one of NAME
"""
import sys

import mpmath as mp
import numpy as np

mp.mp.dps = 60
LN2 = mp.log(2)


def horner(coefficients, x):
    total = mp.mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def chebyshev_points(low, high, count):
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * mp.cos(mp.pi * (i + mp.mpf("0.5003")) / (count + mp.mpf("0.0007"))) for i in range(count)]


def local_maxima(error, low, high, count):
    """The `count` alternating extrema of the error, found on a grid with Chebyshev density and refined by a parabola."""
    grid = chebyshev_points(low, high, 40 * count)
    values = [error(x) for x in grid]
    runs = []
    for i, value in enumerate(values):
        if runs and (values[runs[-1]] > 0) == (value > 0):
            if abs(value) > abs(values[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > count:
        runs.pop(0 if abs(values[runs[0]]) < abs(values[runs[-1]]) else -1)
    return [grid[i] for i in runs], max(abs(v) for v in values)


def remez(function, weight, low, high, degree):
    """Coefficients c, lowest first, that minimise max |weight(x) (c(x) - function(x))| over [low, high]."""
    low, high = mp.mpf(low), mp.mpf(high)
    count = degree + 2
    points = chebyshev_points(low, high, count)
    for _ in range(30):
        matrix, right = mp.matrix(count, count), mp.matrix(count, 1)
        for i, x in enumerate(points):
            w = weight(x)
            for k in range(degree + 1):
                matrix[i, k] = w * x**k
            matrix[i, degree + 1] = (-1) ** i
            right[i] = w * function(x)
        solution = mp.lu_solve(matrix, right)
        coefficients, level = list(solution)[:-1], abs(solution[degree + 1])
        extrema, largest = local_maxima(lambda x: weight(x) * (horner(coefficients, x) - function(x)), low, high, count)
        if len(extrema) < count or largest < level * mp.mpf("1.005"):
            break
        points = extrema
    return coefficients


def rounded(coefficient, precision):
    return mp.mpf(float(np.float32(float(coefficient)))) if precision == 24 else mp.mpf(float(coefficient))


def rounded_fit(function, weight, low, high, degree, precision):
    """The minimax polynomial under the constraint that its coefficients are rounded: the lowest is rounded, the others refitted."""
    first = rounded(remez(function, weight, low, high, degree)[0], precision)
    if degree == 0:
        return [first]
    return [first] + rounded_fit(lambda x: (function(x) - first) / x, lambda x: x * weight(x), low, high, degree - 1, precision)


def best_fit(function, weight, low, high, degree, precision):
    """(error, coefficients) of the better of two roundings; refitting can fail where 0, at which x vanishes, is inside the interval."""
    plain = [rounded(c, precision) for c in remez(function, weight, low, high, degree)]
    refitted = rounded_fit(function, weight, low, high, degree, precision)
    return min((largest_error(function, weight, low, high, c), c) for c in (plain, refitted))


def shortest_hex(c):
    mantissa, exponent = float(c).hex().split("p")
    return mantissa.rstrip("0").rstrip(".") + "p" + exponent


def largest_error(function, weight, low, high, coefficients):
    return max(abs(weight(x) * (horner(coefficients, x) - function(x))) for x in chebyshev_points(low, high, 1000))


# The recipes: name, precision of the coefficients, degree, interval, function, weight. The weight makes the error relative to
# the final result of the formula that the code comments beside each array.
def expm1_quotient(r):  # e^r = 1 + r + r^2 q(r)
    return (mp.expm1(r) - r) / r**2


def tanh_quotient(z):  # tanh(x) = x + x z p(z), z = x^2
    x = mp.sqrt(z)
    return (mp.tanh(x) / x - 1) / z


def log1p_quotient(f):  # log(1 + f) = f + f^2 p(f)
    return (mp.log1p(f) - f) / f**2


def atanh_quotient(z):  # log((1 + s) / (1 - s)) = 2 s + 2 s z p(z), z = s^2
    s = mp.sqrt(z)
    return (mp.atanh(s) / s - 1) / z


def erf_quotient(z):  # erf(x) = x + x p(z), z = x^2
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1


def erfc_root(u):  # erfc(x)^(1/4) = p(u), u = x - 41/16
    return mp.erfc(u + ERF_CENTRE) ** mp.mpf("0.25")


def erfc_root_8(u):  # erfc(x)^(1/8) = p(u), u = x - 57/16
    return mp.erfc(u + ERF_CENTRE_8) ** mp.mpf("0.125")


def sin_quotient(z):  # sin(r) = r + r z p(z), z = r^2
    r = mp.sqrt(z)
    return (mp.sin(r) / r - 1) / z


def cos_quotient(z):  # cos(r) = 1 - z / 2 + z^2 p(z), z = r^2
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def atanh_second_quotient(z):  # atanh(s) = s (1 + z / 3 + z^2 p(z)), z = s^2
    return (atanh_quotient(z) - THIRD) / z


HALF_LN2 = LN2 / 2 * mp.mpf("1.0001")
THIRD = 1 / mp.mpf(3)
ERF_CENTRE, ERF_CENTRE_8 = mp.mpf("2.5625"), mp.mpf("3.5625")
OCTANT = (mp.pi / 4) ** 2
RECIPES = [
    ("exp_f32", 24, 4, -HALF_LN2, HALF_LN2, expm1_quotient, lambda r: r**2 / mp.exp(r)),
    ("exp_f64", 53, 10, -HALF_LN2, HALF_LN2, expm1_quotient, lambda r: r**2 / mp.exp(r)),
    ("tanh_small_f32", 24, 4, 1e-9, mp.mpf("0.5625") ** 2, tanh_quotient, lambda z: z / (1 + z * tanh_quotient(z))),
    ("tanh_small_f64", 53, 10, 1e-9, mp.mpf("0.5625") ** 2, tanh_quotient, lambda z: z / (1 + z * tanh_quotient(z))),
    ("log_f32", 24, 8, -THIRD, THIRD, log1p_quotient, lambda f: f**2 / abs(mp.log1p(f))),
    ("log_f64", 53, 7, 1e-9, mp.mpf("0.04001"), atanh_quotient, lambda z: z),
    ("erf_small_f32", 24, 6, 1e-9, mp.mpf("1.265625"), erf_quotient, lambda z: 1 / (1 + erf_quotient(z))),
    ("erf_large_f32", 24, 7, -mp.mpf("1.4375"), mp.mpf("1.4375"), erfc_root, lambda u: 4 * erfc_root(u) ** 3),
    ("erf_small_f64", 53, 12, 1e-9, mp.mpf("1.265625"), erf_quotient, lambda z: 1 / (1 + erf_quotient(z))),
    ("erf_large_f64", 53, 18, -mp.mpf("2.4375"), mp.mpf("2.4375"), erfc_root_8, lambda u: 8 * erfc_root_8(u) ** 7),
    ("sin_f32", 53, 2, 1e-9, OCTANT, sin_quotient, lambda z: z),
    ("sin_f64", 53, 6, 1e-9, OCTANT, sin_quotient, lambda z: z),
    ("cos_f32", 53, 2, 1e-9, OCTANT, cos_quotient, lambda z: z**2),
    ("cos_f64", 53, 5, 1e-9, OCTANT, cos_quotient, lambda z: z**2),
    ("pow_f64", 53, 7, 1e-9, mp.mpf("0.04001"), atanh_second_quotient, lambda z: z**2),
]


def main():
    for name, precision, degree, low, high, function, weight in RECIPES:
        if len(sys.argv) > 1 and not any(part in name for part in sys.argv[1:]):
            continue
        error, coefficients = best_fit(function, weight, low, high, degree, precision)
        print(f"// {name}: degree {degree} on [{mp.nstr(mp.mpf(low), 6)}, {mp.nstr(mp.mpf(high), 6)}], "
              f"error 2^{mp.nstr(mp.log(error, 2), 4)}")
        print("{" + ", ".join(shortest_hex(c) for c in coefficients) + "},\n")


if __name__ == "__main__":
    main()
