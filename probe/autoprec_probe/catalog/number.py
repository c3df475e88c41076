"""The number formats that hardware is told apart by."""

from typing import Annotated, Literal, get_args

from pydantic import Field

Dtype = Literal[
    "float64",
    "float32",
    "tf32",
    "bfloat16",
    "float16",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float6_e2m3fn",
    "float4_e2m1fn_x2",
    "int8",
    "int4",
]
"""torch's names without their prefix, and `tf32` and `float6_e2m3fn`, which are no dtypes of torch. TF32 is what fp32
matrices are multiplied in from Ampere on; AMD calls its own xf32."""

DTYPES: tuple[str, ...] = get_args(Dtype)

SAME_RATE: dict[str, Dtype] = {"float8_e5m2": "float8_e4m3fn", "float8_e5m2fnuz": "float8_e4m3fnuz"}
"""Formats that every matrix unit multiplies as fast as another, so that data sheets name one of them."""

Positive = Annotated[float, Field(gt=0)]
